internal import Backbone
internal import EventModel
internal import Testing

@testable internal import KafkaBackbone

@Suite struct RecordWindowTests {
    @Test func `the mark is the first that is not done`() {
        var window = RecordWindow()
        #expect(window.readMark == nil)
        for offset in [3, 4, 7, 8] as [Int64] { window.add(RecordWindow.Slot(offset: offset, phase: .waiting)) }
        #expect(window.mark == 3)
        #expect(window.finish(4) != nil)
        #expect(window.finish(4) == nil)
        #expect(window.finish(5) == nil)
        #expect(window.mark == 3)
        #expect(window.span == 4)
        #expect(window.finish(3) != nil)
        #expect(window.mark == 7)
        #expect(window.finish(8) != nil)
        #expect(window.finish(7) != nil)
        #expect(window.mark == 9)
        #expect(window.span == 0 && window.openCount == 0)
    }

    @Test func `many are done in any order`() {
        var window = RecordWindow()
        for offset in 0..<10_000 as Range<Int64> { window.add(RecordWindow.Slot(offset: offset, phase: .waiting)) }
        for offset in stride(from: Int64(9_999), through: 1, by: -2) { _ = window.finish(offset) }
        for offset in stride(from: Int64(0), to: 10_000, by: 2) {
            #expect(window.mark == offset)
            _ = window.finish(offset)
        }
        #expect(window.mark == 10_000)
    }

    @Test func `what waits comes out by its time`() {
        var heap = DueHeap()
        let times = (0..<500).map { Int64(($0 * 7_919) % 1_000) }
        for time in times {
            heap.add(LaneHandle(lane: 0, epoch: 1, source: 1, offset: time), due: Timestamp(seconds: time))
        }
        var popped: [Int64] = []
        #expect(heap.first == Timestamp(seconds: times.min() ?? 0))
        while let handle = heap.pop(at: Timestamp(seconds: 500)) { popped.append(handle.offset) }
        #expect(popped == times.filter { $0 <= 500 }.sorted())
        #expect((heap.first ?? Timestamp(seconds: 0)) > Timestamp(seconds: 500))
    }
}
