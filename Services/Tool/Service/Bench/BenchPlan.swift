internal import EventModel

/// What a measurement does.
struct BenchPlan: Sendable, Hashable {
    /// Events that are counted.
    var events = 20_000
    /// Events before them that are not.
    var warmUp = 1_000
    /// Publications under way at a time.
    var connections = 64
    /// Offered events a second; nil: the next one when one is answered (closed loop).
    var rate: Double?
    /// Bytes of a publication's body.
    var bytes = 600
    var door = BenchDoor.publish
    /// Webhooks that each event goes to.
    var fanOut = 1
    /// Webhooks beside them that are never answered.
    var stalled = 0
    /// How long deliveries may stay away before the rest counts as missing.
    var patience = Duration.seconds(30)

    static let type = "bench.event"

    /// The publications' common parts; the id and the time stand between them.
    struct Template: Sendable {
        let start: [UInt8]
        let middle: [UInt8]
        let end: [UInt8]

        /// - Parameter bytes: of the whole body, for ids and times of usual length.
        init(bytes: Int, door: BenchDoor = .publish) {
            start = Array(door.bodyStart.utf8)
            middle = Array(#","bench_ts":"#.utf8)
            let usualDigits = 5 + 14
            let fixed = start.count + middle.count + usualDigits + #","text":""}}"#.utf8.count
            var text = ""
            let words = ["the", "launch", "window", "closes", "at", "minus", "three", "and", "opens", "again"]
            var index = 0
            while text.utf8.count < max(0, bytes - fixed) {
                text += (text.isEmpty ? "" : " ") + words[index % words.count]
                index += 1
            }
            end = Array(#","text":"\#(text.prefix(max(0, bytes - fixed)))"}}"#.utf8)
        }

        func body(id: Int, time: Int64) -> [UInt8] {
            var body: [UInt8] = []
            body.reserveCapacity(start.count + middle.count + end.count + 40)
            body += start
            body += String(id).utf8
            body += middle
            body += String(time).utf8
            body += end
            return body
        }

        /// The id and the time in a body that begins like ours somewhere; nil where there are none.
        static func marks(in body: [UInt8]) -> (id: Int, time: Int64)? {
            body.withUnsafeBytes { bytes in
                guard let id = number(behind: idMark, in: bytes, from: 0),
                    let time = number(behind: timeMark, in: bytes, from: id.end)
                else { return nil }
                return (Int(id.value), time.value)
            }
        }

        private static let idMark = Array(#""bench_id":"#.utf8)
        private static let timeMark = Array(#""bench_ts":"#.utf8)

        private static func number(
            behind mark: [UInt8], in bytes: UnsafeRawBufferPointer, from start: Int
        ) -> (value: Int64, end: Int)? {
            var index = start
            let last = bytes.count - mark.count
            while index < last {
                if bytes[index] == mark[0], bytes[index..<index + mark.count].elementsEqual(mark) {
                    var value: Int64 = 0
                    var end = index + mark.count
                    while end < bytes.count, (0x30...0x39).contains(bytes[end]) {
                        value = value &* 10 &+ Int64(bytes[end] &- 0x30)
                        end += 1
                    }
                    return (value, end)
                }
                index += 1
            }
            return nil
        }
    }
}
