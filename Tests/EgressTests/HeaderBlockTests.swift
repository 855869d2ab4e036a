import Testing

@testable import Egress

@Suite struct HeaderBlockTests {
    @Test func `lines stand as they are written`() throws {
        var block = HeaderBlock()
        #expect(block.isEmpty)
        block.append("Content-Type", "application/json")
        block.append("X-IC-Signature") { $0.append(contentsOf: "t=1,v1=ab".utf8) }
        try block.append(foreign: "x-Custom", value: "a b\tc")
        var other = HeaderBlock()
        other.append(contentsOf: HeaderBlock())
        other.append(contentsOf: block)
        #expect(
            String(decoding: other.bytes, as: UTF8.self)
                == "Content-Type: application/json\r\nX-IC-Signature: t=1,v1=ab\r\nx-Custom: a b\tc")
    }

    @Test(arguments: [
        ("", "a"), ("a b", "a"), ("a:", "a"), ("a\r\nb", "a"), ("ä", "a"), ("Host", "a"), ("content-length", "1"),
        ("Transfer-Encoding", "chunked"), ("CONNECTION", "close"), ("Expect", "100-continue"), ("x", ""), ("x", " a"),
        ("x", "a "),
        ("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\u{0}b"), ("x", "a\u{7F}"), ("x", "ä"),
    ])
    func `foreign lines that would change the request are refused`(_ name: String, _ value: String) {
        var block = HeaderBlock()
        #expect(throws: HeaderError.self) { try block.append(foreign: name, value: value) }
        #expect(block.isEmpty)
    }

    @Test func `headers of an answer are found by name`() {
        var result = ExchangeResult(token: 0, outcome: .status(429))
        result.responseHeaders = Array(
            "Date: x\r\nretry-AFTER:\t 12 \r\nRetry-After: 13\r\nEmpty:\r\nBlank:   \r\n".utf8)
        #expect(result.retryAfter == "12")
        #expect(result.header("date") == "x")
        #expect(result.header("empty") == "")
        #expect(result.header("blank") == "")
        #expect(result.header("dat") == nil)
        #expect(result.header("retry") == nil)
    }
}
