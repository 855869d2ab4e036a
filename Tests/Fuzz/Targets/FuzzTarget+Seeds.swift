extension FuzzTarget {
    /// Inputs to begin with: one of each thing that the parser knows.
    public var seeds: [[UInt8]] {
        let texts: [String] =
            switch self {
            case .json:
                [
                    #"{"a":[1,-0.5e+3,true,false,null,"x\n\u00e9\ud83d\ude80é🚀"],"":{},"b":[[],[{}]]}"#, "[]", "\"\"",
                    "0",
                    #" { "k" : [ 1 , 2 ] , "k" : "twice" } "#, "[[[[[[[[[[1]]]]]]]]]]",
                ]
            case .path:
                [
                    "$.data.payload.a[*].b", "$..*", "$['a'][0,-1][1:5:2][::-1]..[?@.n > 1 && !(@.b == 'c') || @['x']]",
                    "$.a[?match(@.b, '[a-c]+') && count(@..*) >= 2]\n{\"a\":[{\"b\":\"abc\",\"c\":[1,2]}]}",
                    "$[?length(@) == 2]\n[\"ab\",[1,2],{\"a\":1,\"b\":2},3]",
                    "$[?value(@..x) < 1.5e0]\n{\"a\":{\"x\":1}}",
                    "$[?search(@, $[0])]\n[\"a|b\",\"xa\",\"\u{1F680}\"]",
                    "$[\"\\u00e9\", '\\'', ?@ == null]\n{\"é\":null}",
                ]
            case .filter:
                [
                    "$.data.payload.a[0].n > 1 && match($.type, 'webhook\\\\..*')", "!$.smith_id || @.v == 1",
                    "count($.data.payload.list[*]) == 4 && ($.v < 2 || false == $.v)",
                ]
            case .regexp:
                [
                    "(a|b)*c{2,5}[^x-z\\p{Lu}\\-]+\\.$\nababccQ.", "^([a-z]+|\\P{L}?)*$\nabc def",
                    "((a*)*)*b\naaaaaaaaaaaaaaaa",
                    "[\\]\\[\\^-]\n]", "\\p{Nd}{3}\\n\n123",
                ]
            case .yaml, .trigger:
                [
                    """
                    trigger:
                      name: "a \\u00e9 b"
                      source: generic_webhook
                      preset: github_like
                      secret: 'it''s one'
                      config: {signature_header: X-Sig, tolerance_s: 60}
                      match:
                        - {jsonpath: "$.a[?@.n > 1]", exists: true}
                        - jsonpath: $.event
                          in: [x, 1, null, true, -2.5]
                        - {jsonpath: $.event, matches: "x|y"}
                      inputs:
                        one: "{{ payload.a[0].b }} and {{headers.x-a}} {{ event.type }}"
                        two: {path: "$.list[-1]", default: [1], required: true}
                      action: {agent_id: a, inputs: {three: 3}, emit: {type: a.b}}
                      debounce_s: 5
                    """,
                    "trigger: {source: {types: [run, '*']}, action: {agent_id: a}}\n",
                    "{\"trigger\": {\"action\": {\"agent_id\": \"a\"}, \"match\": {\"jsonpath\": \"$.a\", \"equals\": {\"b\": [1]}}}}",
                    "a: |+\n  text\n  more\nb: >-\n  folded\n# comment\nc: [x, {y: z}]\n? d\n: - e\n",
                    "a: &x 1\nb: *x\nc: !!str 2\n--- \nd\n...\n", "\"a\\x41\\\n  b\": 'c'",
                ]
            case .xml:
                [
                    "<xml><ToUserName><![CDATA[toUser]]></ToUserName><Encrypt>abc&amp;&#65;&#x42;</Encrypt></xml>",
                    "<?xml version=\"1.0\"?><xml a='b'><x><y>1</y></x><!-- c --><z/></xml>",
                    "<!DOCTYPE x [<!ENTITY a \"b\">]><xml>&a;</xml>",
                ]
            }
        return texts.map { Array($0.utf8) }
    }

    /// Pieces that the parser's grammar is made of.
    public var words: [[UInt8]] {
        let texts: [String] =
            switch self {
            case .json:
                ["{", "}", "[", "]", ",", ":", "\"", "\\u", "\\ud83d", "1e", "-", "0", "true", "null", "\u{0}", "  "]
            case .path, .filter:
                [
                    "$", "@", "..", ".*", "[?", "]", "[", "(", ")", "&&", "||", "!", "==", "<=", "'", "\"", ",", ":",
                    "count(",
                    "match(", "search(", "length(", "value(", "\\u", "-1", "9007199254740991", "1e5", "\n", "null",
                ]
            case .regexp:
                [
                    "(", ")", "|", "*", "+", "?", "{", "}", "{2,3}", "[", "]", "^", "$", "\\p{", "L}", "\\", "-", ".",
                    "\n",
                ]
            case .yaml, .trigger:
                [
                    "- ", ": ", "\n", "\n  ", "{", "}", "[", "]", ",", "&a ", "*a", "!", "|", ">", "'", "\"", "#", "?",
                    "---\n",
                    "%", "\t", "\u{85}", "\u{FEFF}", "{{ payload.", " }}", "$", "<<",
                ]
            case .xml:
                [
                    "<", ">", "</", "/>", "<![CDATA[", "]]>", "&", ";", "&#", "x", "<!", "<?", "?>", "\"", "=", "<!--",
                    "-->",
                ]
            }
        return texts.map { Array($0.utf8) } + [[0x80], [0xFF], [0xED, 0xA0, 0x80], [0x00]]
    }
}
