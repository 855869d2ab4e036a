import Encodings
import Testing

@Suite struct CRC32Tests {
    @Test func `the check value of the standard holds`() {
        #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
        #expect(CRC32.checksum([]) == 0)
    }
}
