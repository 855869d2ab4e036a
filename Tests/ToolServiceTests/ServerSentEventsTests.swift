internal import Testing

@testable internal import ToolService

@Suite struct ServerSentEventsTests {
    func read(_ text: String) -> [StreamEvent] {
        var parser = ServerSentEvents()
        return parser.read(Array(text.utf8))
    }

    @Test func `an event has an id and its data`() {
        #expect(read(": open\n\nid: c1\ndata: {\"a\":1}\n\n") == [StreamEvent(id: "c1", data: Array(#"{"a":1}"#.utf8))])
    }

    @Test func `lines of data are joined and every kind of line end counts`() {
        let wanted = [StreamEvent(id: "7", data: Array("a\nb".utf8))]
        #expect(read("id:7\ndata:a\ndata: b\n\n") == wanted)
        #expect(read("id: 7\r\ndata: a\r\ndata: b\r\n\r\n") == wanted)
        #expect(read("id: 7\rdata: a\rdata: b\r\r") == wanted)
    }

    @Test func `comments and unfinished events are no events`() {
        #expect(read(": heartbeat\n\n\n\nevent: x\n\n").isEmpty)
        #expect(read("id: 1\ndata: x\n").isEmpty)
    }

    @Test func `the pieces may be cut anywhere`() {
        let text = Array(": open\r\n\r\nid: c1\r\ndata: one\r\ndata: two\r\n\r\nid: c2\ndata: 3\n\n: x\n\n".utf8)
        let whole = read(String(decoding: text, as: UTF8.self))
        #expect(whole.count == 2)
        for cut in 0...text.count {
            var parser = ServerSentEvents()
            let events = parser.read(Array(text[..<cut])) + parser.read(Array(text[cut...]))
            #expect(events == whole, "cut at \(cut)")
        }
        var parser = ServerSentEvents()
        #expect(text.flatMap { parser.read([$0]) } == whole)
    }
}
