internal import Store

/// Which partitions a process reads, and what to read next: of the feed for a matcher, of the lanes for a worker.
///
/// The log is read once for all parts, from the lowest position of any of them. A part that comes later and stands further
/// back is read by itself up to the common position first, while the others wait. No I/O, no clock, no lock.
struct ReadPlan {
    struct Part {
        var epoch: Int64
        /// Rows up to here were done when the part was taken.
        var done: Int64
        /// To be given back: nothing more is read for it.
        var isDraining = false
    }

    /// A stretch of the log to read.
    struct Stretch: Equatable {
        var parts: [Int]
        var after: Int64
        var upTo: Int64
        var isCatchUp: Bool
    }

    private(set) var parts: [Int: Part] = [:]
    /// Everything up to here was read for all parts but those that catch up.
    private(set) var position: Int64?
    /// The last epoch of each part that is over: a renewal that was under way may still speak of it.
    private var dead: [Int: Int64] = [:]
    /// Parts that are read up to `position` first, and how far they are.
    private var catchingUp: Set<Int> = []
    private var catchUpPosition: Int64 = 0

    var owned: [OwnedPart] {
        parts.sorted { $0.key < $1.key }.map { OwnedPart(part: $0.key, epoch: $0.value.epoch) }
    }

    func holds(_ part: OwnedPart) -> Bool { parts[part.part]?.epoch == part.epoch }

    func isDead(_ part: Int, epoch: Int64) -> Bool { dead[part] == epoch }

    mutating func join(_ part: Int, epoch: Int64, done: Int64) {
        parts[part] = Part(epoch: epoch, done: done)
        guard let position else {
            self.position = done
            return
        }
        if done >= position { return }
        if parts.count == 1 {
            self.position = done
        } else {
            catchUpPosition = catchingUp.isEmpty ? done : min(catchUpPosition, done)
            catchingUp.insert(part)
        }
    }

    /// The part is another's now.
    mutating func forget(_ part: Int) {
        if let known = parts.removeValue(forKey: part) { dead[part] = known.epoch }
        catchingUp.remove(part)
        if parts.isEmpty {
            position = nil
            catchingUp = []
        }
    }

    mutating func drain(_ part: Int) {
        parts[part]?.isDraining = true
    }

    mutating func drainAll() {
        for part in parts.keys { parts[part]?.isDraining = true }
    }

    /// What to read next; nil while nothing is to be read for.
    func next() -> Stretch? {
        guard let position else { return nil }
        let reading = parts.filter { !$0.value.isDraining }.keys
        let late = catchingUp.intersection(reading)
        if !late.isEmpty {
            return Stretch(parts: late.sorted(), after: catchUpPosition, upTo: position, isCatchUp: true)
        }
        return reading.isEmpty
            ? nil : Stretch(parts: reading.sorted(), after: position, upTo: .max, isCatchUp: false)
    }

    /// A stretch was read up to `readTo`. False when the parts changed meanwhile so that it has to be read again.
    mutating func didRead(_ stretch: Stretch, to readTo: Int64) -> Bool {
        guard stretch == next() else { return false }
        if stretch.isCatchUp {
            catchUpPosition = readTo
            if readTo >= stretch.upTo { catchingUp = [] }
        } else {
            position = max(stretch.after, readTo)
        }
        return true
    }

    /// How far the part was read.
    func readPosition(of part: Int) -> Int64 {
        guard let known = parts[part] else { return 0 }
        return max(known.done, catchingUp.contains(part) ? catchUpPosition : position ?? 0)
    }

    /// Whether the part was read up to the common position.
    func isCurrent(_ part: Int) -> Bool { parts[part] != nil && !catchingUp.contains(part) }

    /// Whether a row was not yet done when its part was taken.
    func needs(part: Int, _ position: Int64) -> Bool {
        parts[part].map { position > $0.done } ?? false
    }
}
