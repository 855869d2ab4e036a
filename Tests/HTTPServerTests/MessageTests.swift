internal import Testing

@testable internal import HTTPServer

/// The parts of messages, without a socket.
struct MessageTests {
    @Test func `headers are found in any case, in order, blanks cut`() {
        let headers = RequestHeaders([("X-Id", " 1\t"), ("Accept", "a"), ("x-ID", "2"), ("Empty", " ")])
        #expect(headers["x-id"] == "1")
        #expect(headers["X-ID"] == "1")
        #expect(headers.values("X-Id") == ["1", "2"])
        #expect(headers["empty"] == "")
        #expect(headers["none"] == nil)
        #expect(headers.contains("ACCEPT"))
        #expect(!headers.contains("accep"))
        #expect(headers.count == 4)
        #expect(headers.all.map(\.name) == ["x-id", "accept", "x-id", "empty"])
        #expect(headers.bytes("accept") == [97])
    }

    @Test func `an assembler is as new after a reset`() throws {
        var assembler = HeaderAssembler()
        assembler.add(name: Array("Transfer-Encoding".utf8), value: Array("gzip".utf8))
        #expect(assembler.fault != nil)
        assembler.reset()
        assembler.add(name: Array("Host".utf8), value: Array("a".utf8))
        assembler.add(name: Array("content-length".utf8), value: Array("007".utf8))
        let framing = try assembler.framing(version: .http10)
        #expect(framing.contentLength == 7)
        #expect(!framing.isChunked)
        #expect(assembler.headers.count == 2)
    }

    @Test func `a length beyond 64 bits counts as the longest`() throws {
        var assembler = HeaderAssembler()
        assembler.add(name: Array("Host".utf8), value: Array("a".utf8))
        assembler.add(name: Array("Content-Length".utf8), value: Array("99999999999999999999".utf8))
        #expect(try assembler.framing(version: .http11).contentLength == .max)
    }

    @Test func `an expectation of an HTTP/1.0 client is ignored`() throws {
        var assembler = HeaderAssembler()
        assembler.add(name: Array("Host".utf8), value: Array("a".utf8))
        assembler.add(name: Array("Expect".utf8), value: Array("nonsense".utf8))
        #expect(try assembler.framing(version: .http10).expectation == .none)
        #expect(try assembler.framing(version: .http11).expectation == .unknown)
    }

    @Test func `a query is decoded, in order, repeats kept`() throws {
        let head = RequestHead(method: .get, target: "/a?type=x.*&type=y%2Cz&q=a+b%2B&empty=&bare&&%C3%BC=1&x=a=b?c")
        let query = try head.query
        #expect(head.rawPath == "/a")
        #expect(query.values("type") == ["x.*", "y,z"])
        #expect(query["q"] == "a b+")
        #expect(query["empty"] == "")
        #expect(query["bare"] == "")
        #expect(query["ü"] == "1")
        #expect(query["x"] == "a=b?c")
        #expect(query["none"] == nil)
        #expect(try RequestHead(method: .get, target: "/a").query.isEmpty)
        #expect(try RequestHead(method: .get, target: "/a?").query.isEmpty)
    }

    @Test(arguments: ["/?limit=%", "/?limit=%1", "/?limit=%g0", "/?limit=a%00b", "/?limit=%0d%0a", "/?limit=%ff"])
    func `a bad escape in a query is 400 and names the parameter`(target: String) {
        let error = #expect(throws: HTTPError.self) { try RequestHead(method: .get, target: target).query }
        #expect(error?.status == 400)
        #expect(error?.code == "malformed_query")
        #expect(error?.param == "limit")
    }

    @Test func `text in errors is escaped`() {
        let response = HTTPError(status: 400, code: "c", message: "\"\\\n\r\t\u{1}\u{1f}ü", param: "a\"b").response()
        guard case .bytes(let bytes) = response.body else { return #expect(Bool(false)) }
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"error":{"code":"c","message":"\"\\\n\r\t\u0001\u001fü","param":"a\"b"}}"#)
        #expect(response.headers == [HTTPField("Content-Type", "application/json")])
    }

    @Test func `an answer past the library is complete`() {
        let response = HTTPError.payloadTooLarge(limit: 5).response()
        let text = String(decoding: RawAnswer.bytes(response, isHead: false, at: 784_111_777), as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 413 "))
        #expect(text.contains("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nConnection: close\r\n"))
        #expect(
            text.hasSuffix(
                "\r\n\r\n"
                    + #"{"error":{"code":"payload_too_large","message":"the body is longer than 5 bytes","param":null}}"#
            ))
        #expect(text.contains("\r\nContent-Length: 95\r\n"))
        #expect(RawAnswer.bytes(response, isHead: true, at: 0).suffix(4) == [13, 10, 13, 10])
    }

    @Test func `a header that would end its line is left out past the library`() {
        let response = Response(
            status: 413, headers: [HTTPField("A", "b\r\nC: d"), HTTPField("E:", "f"), HTTPField("G", "h\ti")])
        let text = String(decoding: RawAnswer.bytes(response, isHead: false, at: 0), as: UTF8.self)
        #expect(text.contains("Connection: close\r\nG: h\ti\r\nContent-Length: 0\r\n\r\n"))
    }

    @Test func `peers are told as text`() {
        #expect(PeerAddress(bytes: [192, 0, 2, 1], port: 1).description == "192.0.2.1")
        #expect(
            PeerAddress(bytes: [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [1], port: 1).description
                == "2001:db8::1")
        #expect(PeerAddress.unknown.description == "")
    }
}

/// What becomes of the pieces of a body.
struct BodyIntakeTests {
    @Test func `pieces are kept up to the limit, then refused once, then dropped, then it closes`() {
        var intake = BodyIntake.keep(limit: 10, discardLimit: 20)
        #expect(intake.receive(4) == .keep)
        #expect(intake.receive(6) == .keep)
        #expect(intake.receive(1) == .refuse)
        #expect(intake.receive(20) == .discard)
        #expect(intake.receive(1) == .close)
    }

    @Test func `a refused body is dropped up to its limit, then answered early`() {
        var intake = BodyIntake.discard(limit: 5)
        #expect(intake.receive(5) == .discard)
        #expect(intake.receive(1) == .refuse)
        #expect(intake.receive(5) == .discard)
        #expect(intake.receive(1) == .close)
    }

    @Test func `after an early answer pieces are dropped, then it closes`() {
        var intake = BodyIntake.linger(limit: 5)
        #expect(intake.receive(5) == .discard)
        #expect(intake.receive(1) == .close)
    }
}

struct SlotMapTests {
    @Test func `a name finds its entry and never a later one`() {
        var map = SlotMap<String>()
        let first = map.insert { _ in "first" }
        #expect(map[first] == "first")
        map.update(first) { $0 += "!" }
        #expect(map.remove(first) == "first!")
        #expect(map.remove(first) == nil)
        let second = map.insert { _ in "second" }
        #expect(second != first)
        #expect(map[first] == nil)
        map.update(first) { _ in Issue.record("a name that is no longer given") }
        #expect(map[second] == "second")
        #expect(map.count == 1)
        #expect(map[.none] == nil)
        #expect(SlotID(second.pointer) == second)
    }

    @Test func `all entries are visited`() {
        var map = SlotMap<Int>()
        let ids = (0..<10).map { number in map.insert { _ in number } }
        for id in ids.prefix(5) { map.remove(id) }
        var seen: [Int] = []
        map.forEach { seen.append($0) }
        #expect(seen == [5, 6, 7, 8, 9])
    }
}
