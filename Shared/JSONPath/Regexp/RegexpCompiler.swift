/// Writes an expression's instructions; repetitions are written out, up to `Regexp.maximumSize` in all.
struct RegexpCompiler {
    private(set) var program: [RegexpInstruction] = []
    let classes: [CharacterClass]

    init(classes: [CharacterClass]) { self.classes = classes }

    mutating func finish() { program.append(.accept) }

    mutating func emit(_ tree: RegexpTree) throws(JSONPathError) {
        switch tree {
        case .empty: break
        case .scalar(let scalar): try append(.scalar(scalar))
        case .any: try append(.any)
        case .class(let index): try append(.class(index))
        case .atStart: try append(.atStart)
        case .atEnd: try append(.atEnd)
        case .sequence(let pieces): for piece in pieces { try emit(piece) }
        case .alternatives(let alternatives): try emit(alternatives: alternatives)
        case .repeated(let tree, let minimum, let maximum): try emit(tree, minimum: minimum, maximum: maximum)
        }
    }

    private mutating func append(_ instruction: RegexpInstruction) throws(JSONPathError) {
        guard program.count < Regexp.maximumSize - 1 else {
            throw JSONPathError(.tooLarge, "the regular expression has more than \(Regexp.maximumSize) steps")
        }
        program.append(instruction)
    }

    private mutating func emit(alternatives: [RegexpTree]) throws(JSONPathError) {
        var exits: [Int] = []
        for (index, alternative) in alternatives.enumerated() {
            guard index < alternatives.count - 1 else {
                try emit(alternative)
                break
            }
            let split = program.count
            try append(.split(0, 0))
            try emit(alternative)
            exits.append(program.count)
            try append(.jump(0))
            program[split] = .split(split + 1, program.count)
        }
        for exit in exits { program[exit] = .jump(program.count) }
    }

    private mutating func emit(_ tree: RegexpTree, minimum: Int, maximum: Int?) throws(JSONPathError) {
        for _ in 0..<minimum {
            let start = program.count
            try emit(tree)
            // Nothing, however often, is nothing; without this, nested counts would multiply.
            if program.count == start { return }
        }
        guard let maximum else {
            let split = program.count
            try append(.split(0, 0))
            try emit(tree)
            try append(.jump(split))
            program[split] = .split(split + 1, program.count)
            return
        }
        var splits: [Int] = []
        for _ in minimum..<max(minimum, maximum) {
            splits.append(program.count)
            try append(.split(0, 0))
            try emit(tree)
        }
        for split in splits { program[split] = .split(split + 1, program.count) }
    }
}
