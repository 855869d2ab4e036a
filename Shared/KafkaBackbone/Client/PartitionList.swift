internal import CRdKafka

/// librdkafka's list of partitions with offsets, owned.
final class PartitionList {
    typealias Pointer = UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    private let pointer: Pointer

    init(capacity: Int = 8) {
        guard let pointer = rd_kafka_topic_partition_list_new(Int32(capacity)) else { preconditionFailure("no memory") }
        self.pointer = pointer
    }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }

    /// Lends the list to a call. A property would not do: the object may be gone once its pointer was read.
    @discardableResult
    func withPointer<Value>(_ call: (Pointer) throws -> Value) rethrows -> Value {
        try withExtendedLifetime(self) { try call(pointer) }
    }

    var count: Int { withPointer { Int($0.pointee.cnt) } }
    var isEmpty: Bool { count == 0 }

    func append(_ topic: String, _ partition: Int32, offset: Int64? = nil) {
        withPointer { pointer in
            let added = rd_kafka_topic_partition_list_add(pointer, topic, partition)
            if let offset { added?.pointee.offset = offset }
        }
    }

    /// Topic, partition, offset, error of each.
    var elements: [Element] { withPointer { Self.elements(of: $0) } }

    struct Element {
        let topic: String
        let partition: Int32
        let offset: Int64
        let error: rd_kafka_resp_err_t
    }

    static func elements(of list: Pointer?) -> [Element] {
        guard let list, let elements = list.pointee.elems else { return [] }
        return (0..<Int(list.pointee.cnt)).map { index in
            let element = elements[index]
            return Element(
                topic: element.topic.map { String(cString: $0) } ?? "", partition: element.partition,
                offset: element.offset, error: element.err)
        }
    }
}
