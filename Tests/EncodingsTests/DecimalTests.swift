import Encodings
import Testing

@Suite struct DecimalTests {
    @Test(arguments: [0, 7, 10, 1_000_000, -1, Int64.max, Int64.min])
    func `whole numbers are written as Swift prints them`(number: Int64) {
        var text: [UInt8] = []
        text.append(decimal: number)
        #expect(String(decoding: text, as: UTF8.self) == "\(number)")
    }

    @Test func `the greatest number fits`() {
        var text: [UInt8] = []
        text.append(decimal: UInt64.max)
        text.append(ascii: "!")
        #expect(String(decoding: text, as: UTF8.self) == "18446744073709551615!")
    }
}
