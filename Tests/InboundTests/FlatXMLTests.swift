import Testing

@testable import Inbound

@Suite struct FlatXMLTests {
    @Test func `texts and CDATA are read, entities resolved`() throws {
        let xml = try FlatXML(
            Array(
                "<?xml version=\"1.0\"?>\n<xml a='>'><A><![CDATA[1 < 2]]></A> <B>x&amp;&#x4E2D;&#65;</B><C/><D><E>in</E>out</D></xml>\n"
                    .utf8))
        #expect(xml["A"] == "1 < 2" && xml["B"] == "x&中A" && xml["C"] == "" && xml["D"] == "out" && xml["E"] == nil)
    }

    @Test(arguments: [
        "<!DOCTYPE x><xml/>", "<xml><!ENTITY a \"b\"></xml>", "<xml><?php ?></xml>",
        "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml>&a;</xml>",
    ])
    func `document types and instructions are unsafe`(_ text: String) {
        #expect(throws: FlatXML.Failure(isUnsafe: true)) { try FlatXML(Array(text.utf8)) }
    }

    @Test(arguments: [
        "", " ", "x", "<xml>", "<xml></xm>", "<xml>&nbsp;</xml>", "<xml>&#0;</xml>", "<xml>&#xD800;</xml>", "<a/><b/>",
        "<xml></xml>x", "<xml><![CDATA[x</xml>", "<xml <a></xml>", "<>", "</>", "<xml a='></xml>",
        "<xml>&toolongentity;</xml>", "<xml></xml",
    ])
    func `what is no XML is refused`(_ text: String) {
        #expect(throws: FlatXML.Failure()) { try FlatXML(Array(text.utf8)) }
    }

    @Test func `depth and count are bounded`() {
        let deep = String(repeating: "<a>", count: 17) + String(repeating: "</a>", count: 17)
        #expect(throws: FlatXML.Failure.self) { try FlatXML(Array(deep.utf8)) }
        let wide = "<xml>" + String(repeating: "<a/>", count: 5_000) + "</xml>"
        #expect(throws: FlatXML.Failure.self) { try FlatXML(Array(wide.utf8)) }
    }
}
