import EventModel
import Testing

@testable import Egress

@Suite struct AnswerReaderTests {
    private func reader(_ change: (inout Exchange.Limits) -> Void = { _ in }) throws -> AnswerReader {
        var limits = Exchange.Limits()
        change(&limits)
        var reader = AnswerReader()
        reader.begin(
            Exchange(token: 0, target: try TargetURL("https://e.com", policy: AddressPolicy()), limits: limits))
        return reader
    }

    private func header(_ reader: inout AnswerReader, _ line: String) -> Bool {
        Array(line.utf8).withUnsafeBytes { reader.takeHeader($0) }
    }

    private func body(_ reader: inout AnswerReader, _ count: Int) -> Bool {
        [UInt8](repeating: 120, count: count).withUnsafeBytes { reader.takeBody($0) }
    }

    @Test func `the last head counts, trailers are not kept`() throws {
        var reader = try reader()
        for line in ["HTTP/1.1 103 Early\r\n", "Link: a\r\n", "\r\n", "HTTP/1.1 201 Made\r\n", "A: b\r\n", "\r\n"] {
            #expect(header(&reader, line))
        }
        #expect(reader.hasWholeHead)
        #expect(body(&reader, 3))
        #expect(header(&reader, "Trailer: c\r\n"))
        #expect(reader.status == 201)
        #expect(reader.firstByteAt > 0)
        let parts = reader.take()
        #expect(parts.headers == Array("A: b\r\n".utf8))
        #expect(parts.head == [120, 120, 120])
        #expect(reader.take().headers.isEmpty)
    }

    @Test func `caps end the exchange exactly when they are passed`() throws {
        var headers = try reader { $0.headerBytes = 40 }
        #expect(header(&headers, "HTTP/1.1 200 OK\r\n"))
        #expect(header(&headers, String(repeating: "h", count: 23)))
        #expect(!headers.isTooLarge)
        #expect(!header(&headers, "x"))
        #expect(headers.isTooLarge)
        var bodies = try reader { $0.bodyBytes = 10 }
        #expect(body(&bodies, 10))
        #expect(!body(&bodies, 1))
        #expect(bodies.isTooLarge)
    }

    @Test(arguments: [
        "HTTP/1.1 101 Switching\r\n", "HTTP/1.1\r\n", "HTTP/1.1 xyz\r\n", "HTTP/1.1 0\r\n", "HTTP/1.1 99\r\n",
    ])
    func `status lines that mean nothing to us`(_ line: String) throws {
        var reader = try reader()
        #expect(!header(&reader, line))
        #expect(reader.isMalformed)
    }
}
