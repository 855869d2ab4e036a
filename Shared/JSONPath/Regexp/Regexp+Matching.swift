/// Memory of a run, kept for the next one.
struct RegexpScratch {
    fileprivate var current: [Int] = []
    fileprivate var following: [Int] = []
    fileprivate var pending: [Int] = []
    /// At which place of the text an instruction was last taken up: nothing is taken up twice at a place.
    fileprivate var marks: [Int] = []

    fileprivate mutating func prepare(_ size: Int) {
        current.removeAll(keepingCapacity: true)
        following.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
        marks.append(contentsOf: repeatElement(-1, count: size))
    }
}

extension Regexp {
    /// Runs all ways to match side by side, a character at a time.
    /// - Parameters:
    ///   - text: Valid UTF-8.
    ///   - isWhole: The whole text must match; else some part of it.
    ///   - steps: What may still be spent; negative when the run was given up, and its result is false then.
    func matches(
        _ text: UnsafeRawBufferPointer, isWhole: Bool, steps: inout Int, scratch: inout RegexpScratch
    ) -> Bool {
        scratch.prepare(program.count)
        steps -= program.count / 8
        var position = 0
        // The initial state counts as taken up at place 0, later places are offsets.
        while true {
            if position == 0 || !isWhole { take(0, at: position, of: text.count, &scratch, &steps) }
            guard steps >= 0 else { return false }
            if scratch.current.contains(where: { isAccept($0) && (!isWhole || position == text.count) }) { return true }
            guard position < text.count, !scratch.current.isEmpty || !isWhole else { return false }
            let (scalar, length) = Self.scalar(at: position, of: text)
            position += length
            steps -= 1
            step(over: scalar, to: position, of: text.count, &scratch, &steps)
        }
    }

    private func isAccept(_ place: Int) -> Bool {
        if case .accept = program[place] { true } else { false }
    }

    private func step(
        over scalar: Unicode.Scalar, to position: Int, of count: Int, _ scratch: inout RegexpScratch,
        _ steps: inout Int
    ) {
        swap(&scratch.current, &scratch.following)
        scratch.current.removeAll(keepingCapacity: true)
        for index in scratch.following.indices {
            let place = scratch.following[index]
            let goesOn: Bool
            switch program[place] {
            case .scalar(let wanted): goesOn = wanted == scalar.value
            case .any: goesOn = scalar != "\n" && scalar != "\r"
            case .class(let index): goesOn = classes[index].contains(scalar)
            case .split, .jump, .atStart, .atEnd, .accept: goesOn = false
            }
            if goesOn { take(place + 1, at: position, of: count, &scratch, &steps) }
        }
    }

    /// Takes up an instruction and all that follow without a character.
    private func take(
        _ place: Int, at position: Int, of count: Int, _ scratch: inout RegexpScratch, _ steps: inout Int
    ) {
        scratch.pending.append(place)
        while let place = scratch.pending.popLast() {
            guard scratch.marks[place] != position else { continue }
            scratch.marks[place] = position
            steps -= 1
            switch program[place] {
            case .jump(let target): scratch.pending.append(target)
            case .split(let first, let second):
                scratch.pending.append(second)
                scratch.pending.append(first)
            case .atStart: if position == 0 { scratch.pending.append(place + 1) }
            case .atEnd: if position == count { scratch.pending.append(place + 1) }
            case .scalar, .any, .class, .accept: scratch.current.append(place)
            }
        }
    }

    private static func scalar(at position: Int, of text: UnsafeRawBufferPointer) -> (Unicode.Scalar, Int) {
        let first = UInt32(text[position])
        func tail(_ distance: Int) -> UInt32 { UInt32(text[position + distance] & 0x3F) }
        let value: UInt32
        let length: Int
        switch first {
        case 0xF0...0xFF where position + 3 < text.count:
            (value, length) = ((first & 7) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4)
        case 0xE0...0xEF where position + 2 < text.count:
            (value, length) = ((first & 15) << 12 | tail(1) << 6 | tail(2), 3)
        case 0xC0...0xDF where position + 1 < text.count:
            (value, length) = ((first & 31) << 6 | tail(1), 2)
        default: (value, length) = (first, 1)
        }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", length)
    }
}
