/// The pointer arrays that libpq wants, kept from call to call. Belongs to one thread.
final class ParameterBuffers {
    private var values: [UnsafePointer<CChar>?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []
    private static let binary: Int32 = 1

    /// Calls `body` with pointers into the arena of `parameters`.
    func with<Value>(
        _ parameters: Parameters,
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Value
    ) -> Value {
        parameters.bytes.withUnsafeBytes { arena in
            values.removeAll(keepingCapacity: true)
            lengths.removeAll(keepingCapacity: true)
            // An empty value needs a pointer that is not NULL, and an empty arena may have none.
            let base = arena.baseAddress ?? UnsafeRawPointer(StaticString("").utf8Start)
            for slot in parameters.slots {
                lengths.append(max(0, slot.length))
                values.append(
                    slot.length < 0 ? nil : (base + slot.offset).assumingMemoryBound(to: CChar.self))
            }
            while formats.count < values.count { formats.append(Self.binary) }
            return body(values, lengths, formats)
        }
    }

}
