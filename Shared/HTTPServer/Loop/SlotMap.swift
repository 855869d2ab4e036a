/// Names one entry of a `SlotMap` for as long as it lives; a name is never given again, so a late look-up finds nothing.
struct SlotID: Sendable, Hashable {
    /// The generation in the upper half, from 1, the index in the lower: never 0.
    let raw: UInt64

    static let none = SlotID(raw: 0)

    /// The name as the opaque pointer that the C library carries around; it is never followed.
    var pointer: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: UInt(raw)) }

    init(raw: UInt64) { self.raw = raw }

    init(_ pointer: UnsafeMutableRawPointer?) { raw = UInt64(UInt(bitPattern: pointer)) }

    fileprivate init(index: Int, generation: UInt32) { raw = UInt64(generation) << 32 | UInt64(index) }

    fileprivate var index: Int { Int(raw & 0xFFFF_FFFF) }
    fileprivate var generation: UInt32 { UInt32(raw >> 32) }
}

/// A table whose entries are found by index and checked by generation: the C library hands back only names, and
/// addresses are reused within a few connections.
struct SlotMap<Element> {
    private struct Slot {
        var generation: UInt32
        var element: Element?
    }

    private var slots: [Slot] = []
    private var free: [Int] = []

    var count: Int { slots.count - free.count }

    mutating func insert(_ make: (SlotID) -> Element) -> SlotID {
        let index: Int
        if let reused = free.popLast() {
            index = reused
        } else {
            index = slots.count
            slots.append(Slot(generation: 1, element: nil))
        }
        let id = SlotID(index: index, generation: slots[index].generation)
        slots[index].element = make(id)
        return id
    }

    subscript(id: SlotID) -> Element? {
        get {
            guard id.index < slots.count, slots[id.index].generation == id.generation else { return nil }
            return slots[id.index].element
        }
    }

    /// Changes the entry; does nothing where there is none.
    mutating func update(_ id: SlotID, _ change: (inout Element) -> Void) {
        guard id.index < slots.count, slots[id.index].generation == id.generation,
            var element = slots[id.index].element.take()
        else { return }
        change(&element)
        slots[id.index].element = element
    }

    @discardableResult
    mutating func remove(_ id: SlotID) -> Element? {
        guard let element = self[id] else { return nil }
        slots[id.index].element = nil
        // After 4 billion uses the slot is retired rather than its names repeated.
        guard slots[id.index].generation < .max else { return element }
        slots[id.index].generation += 1
        free.append(id.index)
        return element
    }

    func forEach(_ body: (Element) -> Void) {
        for slot in slots {
            if let element = slot.element { body(element) }
        }
    }
}
