import Encodings
import Testing

@Suite struct HexTests {
    @Test func `bytes become lower-case digits`() {
        #expect(Hex.encode([0, 1, 0x7F, 0xAB, 0xFF]) == "00017fabff")
        #expect(Hex.encode([]) == "")
        var text: [UInt8] = [0x3A]
        Hex.append([0xDE, 0xAD].span, to: &text)
        #expect(String(decoding: text, as: UTF8.self) == ":dead")
    }

    @Test func `digits of both cases are read`() {
        #expect(Hex.decode("00017fABfF") == [0, 1, 0x7F, 0xAB, 0xFF])
        #expect(Hex.decode("") == [])
    }

    @Test(arguments: ["0", "0x", "0g", "00 ", " 0", "ab-cd", "é0", "０0"])
    func `anything else is refused`(text: String) {
        #expect(Hex.decode(text) == nil)
    }
}
