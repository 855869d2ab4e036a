/// A hash trie: a dictionary whose copies share all that they have in common.
///
/// Copying costs nothing and a change to a copy touches one path of some four nodes, whatever the size; `Dictionary` would
/// copy all of its storage at the first change after a snapshot was taken. The caller brings the hash, so that a look-up
/// needs no key object: bytes of a larger text will do.
struct PersistentMap<Key: Equatable & Sendable, Value: Sendable>: Sendable {
    private var root = Node()
    private(set) var count = 0

    init() {}

    var isEmpty: Bool { count == 0 }

    fileprivate struct Entry: Sendable {
        let hash: UInt
        let key: Key
        var value: Value
    }

    fileprivate enum Slot: Sendable {
        case entry(Entry)
        case branch(Node)
        /// Entries whose hashes are equal in all bits.
        case clash([Entry])
        /// Only while a change is under way: what was here has been taken out, so that it has one owner and is changed in
        /// place.
        case taken
    }

    fileprivate static var bitsPerLevel: UInt { 5 }

    /// Up to 32 slots, of which only those that are used are stored.
    fileprivate struct Node: Sendable {
        var used: UInt32 = 0
        var slots: [Slot] = []

        func place(_ hash: UInt, _ shift: UInt) -> (bit: UInt32, index: Int) {
            let bit = UInt32(1) << UInt32(truncatingIfNeeded: hash >> shift & 31)
            return (bit, (used & (bit - 1)).nonzeroBitCount)
        }
    }

    /// The value whose key has this hash and fits.
    func value(hash: UInt, where fits: (Key) -> Bool) -> Value? {
        var node = root
        var shift: UInt = 0
        while true {
            let (bit, index) = node.place(hash, shift)
            guard node.used & bit != 0 else { return nil }
            switch node.slots[index] {
            case .entry(let entry): return entry.hash == hash && fits(entry.key) ? entry.value : nil
            case .clash(let entries): return entries.first { $0.hash == hash && fits($0.key) }?.value
            case .branch(let next):
                node = next
                shift += Self.bitsPerLevel
            case .taken: preconditionFailure("a change leaves no slot empty")
            }
        }
    }

    /// Changes the value of `key`, which is `initial` if there was none.
    mutating func update(
        hash: UInt, key: Key, default initial: @autoclosure () -> Value, _ change: (inout Value) -> Void
    ) {
        if root.update(hash, 0, key, initial, change) { count += 1 }
    }

    /// Removes a key, if it is there.
    mutating func remove(hash: UInt, key: Key) {
        if root.remove(hash, 0, key) { count -= 1 }
    }

    /// All entries, in no particular order.
    func forEach(_ body: (Key, Value) -> Void) { root.forEach(body) }
}

extension PersistentMap.Node {
    /// Returns true if the key is new.
    fileprivate mutating func update(
        _ hash: UInt, _ shift: UInt, _ key: Key, _ initial: () -> Value, _ change: (inout Value) -> Void
    ) -> Bool {
        let (bit, index) = place(hash, shift)
        guard used & bit != 0 else {
            var value = initial()
            change(&value)
            slots.insert(.entry(.init(hash: hash, key: key, value: value)), at: index)
            used |= bit
            return true
        }
        var slot = PersistentMap.Slot.taken
        swap(&slot, &slots[index])
        switch consume slot {
        case .branch(var node):
            let isNew = node.update(hash, shift + PersistentMap.bitsPerLevel, key, initial, change)
            slots[index] = .branch(node)
            return isNew
        case .entry(var entry):
            if entry.hash == hash, entry.key == key {
                change(&entry.value)
                slots[index] = .entry(entry)
                return false
            }
            var value = initial()
            change(&value)
            slots[index] = .pair(entry, .init(hash: hash, key: key, value: value), shift + PersistentMap.bitsPerLevel)
            return true
        case .clash(var entries):
            let known = entries.firstIndex { $0.hash == hash && $0.key == key }
            if let known {
                change(&entries[known].value)
            } else {
                var value = initial()
                change(&value)
                entries.append(.init(hash: hash, key: key, value: value))
            }
            slots[index] = .clash(entries)
            return known == nil
        case .taken:
            preconditionFailure("a change leaves no slot empty")
        }
    }

    /// Returns true if the key was there.
    fileprivate mutating func remove(_ hash: UInt, _ shift: UInt, _ key: Key) -> Bool {
        let (bit, index) = place(hash, shift)
        guard used & bit != 0 else { return false }
        var slot = PersistentMap.Slot.taken
        swap(&slot, &slots[index])
        let wasThere: Bool
        switch consume slot {
        case .branch(var node):
            wasThere = node.remove(hash, shift + PersistentMap.bitsPerLevel, key)
            slots[index] = node.slots.isEmpty ? .taken : .branch(node)
        case .entry(let entry):
            wasThere = entry.hash == hash && entry.key == key
            slots[index] = wasThere ? .taken : .entry(entry)
        case .clash(var entries):
            let count = entries.count
            entries.removeAll { $0.hash == hash && $0.key == key }
            wasThere = entries.count < count
            slots[index] = entries.isEmpty ? .taken : .clash(entries)
        case .taken:
            preconditionFailure("a change leaves no slot empty")
        }
        if case .taken = slots[index] {
            slots.remove(at: index)
            used &= ~bit
        }
        return wasThere
    }

    fileprivate func forEach(_ body: (Key, Value) -> Void) {
        for slot in slots {
            switch slot {
            case .entry(let entry): body(entry.key, entry.value)
            case .branch(let node): node.forEach(body)
            case .clash(let entries): for entry in entries { body(entry.key, entry.value) }
            case .taken: preconditionFailure("a change leaves no slot empty")
            }
        }
    }
}

extension PersistentMap.Slot {
    /// Two entries that fell into one slot: as many branches as their hashes agree in.
    fileprivate static func pair(
        _ first: PersistentMap.Entry, _ second: PersistentMap.Entry, _ shift: UInt
    ) -> PersistentMap.Slot {
        guard shift < UInt(UInt.bitWidth) else { return .clash([first, second]) }
        let (firstBit, _) = PersistentMap.Node().place(first.hash, shift)
        let (secondBit, _) = PersistentMap.Node().place(second.hash, shift)
        if firstBit == secondBit {
            let deeper = pair(first, second, shift + PersistentMap.bitsPerLevel)
            return .branch(.init(used: firstBit, slots: [deeper]))
        }
        let slots: [PersistentMap.Slot] =
            firstBit < secondBit ? [.entry(first), .entry(second)] : [.entry(second), .entry(first)]
        return .branch(.init(used: firstBit | secondBit, slots: slots))
    }
}
