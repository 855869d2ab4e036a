import Encodings
import EventCodec
import Testing

@Suite struct FeedCursorTests {
    @Test func `a cursor comes back`() throws {
        for cursor in [
            FeedCursor(epoch: 0, pos: 0), FeedCursor(epoch: 1, pos: 42), FeedCursor(epoch: .max, pos: .max),
        ] {
            #expect(cursor.text.utf8.count == 23)
            #expect(try FeedCursor(parsing: cursor.text) == cursor)
        }
    }

    @Test func `the form is fixed, since clients keep cursors for weeks`() {
        #expect(FeedCursor(epoch: 1, pos: 258).text == "AQAAAAEAAAAAAAABAjKM2yk")
    }

    @Test func `a changed character is noticed`() {
        let text = Array(FeedCursor(epoch: 7, pos: 123_456_789).text.utf8)
        for index in text.indices {
            for byte in Array("AZaz09-_=/ ".utf8) where byte != text[index] {
                var changed = text
                changed[index] = byte
                #expect(throws: FeedCursor.ParseError.malformed) {
                    try FeedCursor(parsing: String(decoding: changed, as: UTF8.self))
                }
            }
        }
    }

    @Test(arguments: ["", "0", "null", "AQAAAAEAAAAAAAABAjKM2yk=", "AQAAAAEAAAAAAAABAjKM2ykA", "é"])
    func `other texts are refused`(text: String) {
        #expect(throws: FeedCursor.ParseError.malformed) { try FeedCursor(parsing: text) }
    }

    @Test func `a later version and a negative position are told apart`() {
        let text = { (body: [UInt8]) in
            let sum = CRC32.checksum(body)
            return Base64.encode(body + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }, .urlSafe)
        }
        #expect(throws: FeedCursor.ParseError.unknownVersion(2)) {
            try FeedCursor(parsing: text([2] + Array(repeating: 0, count: 12)))
        }
        #expect(throws: FeedCursor.ParseError.malformed) {
            try FeedCursor(parsing: text([1, 0, 0, 0, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0]))
        }
    }
}
