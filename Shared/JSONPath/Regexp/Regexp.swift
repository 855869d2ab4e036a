/// A regular expression as RFC 9485 (I-Regexp) defines it, matched in time linear in the text: `size` steps a character at
/// most, and no backtracking, so that no expression of a tenant's can stop a process.
///
/// `^` and `$` are assertions, as in the RFC's mappings to other dialects (§5.3, §5.4) and in the compliance suite of
/// JSONPath. Back references, look-around, lazy quantifiers and `\d` do not exist.
public struct Regexp: Hashable, Sendable {
    /// How many instructions an expression may have; repetitions with a count are written out.
    public static let maximumSize = 2_000

    let program: [RegexpInstruction]
    let classes: [CharacterClass]

    /// - Throws: `syntax` for what is no I-Regexp, `tooLarge` for more than `maximumSize` instructions.
    public init(_ pattern: String) throws(JSONPathError) {
        var parser = RegexpParser(pattern)
        let tree = try parser.parse()
        var compiler = RegexpCompiler(classes: parser.classes)
        try compiler.emit(tree)
        compiler.finish()
        program = compiler.program
        classes = compiler.classes
    }

    /// Instructions: the greatest number of steps a character.
    public var size: Int { program.count }

    /// Whether the whole text matches.
    public func matches(_ text: String) -> Bool {
        var text = text
        var steps = Int.max
        var scratch = RegexpScratch()
        return text.withUTF8 {
            matches(UnsafeRawBufferPointer($0), isWhole: true, steps: &steps, scratch: &scratch)
        }
    }
}

enum RegexpInstruction: Hashable, Sendable {
    case scalar(UInt32)
    /// Anything but a line's end.
    case any
    /// One of the class at this index.
    case `class`(Int)
    case split(Int, Int)
    case jump(Int)
    case atStart
    case atEnd
    case accept
}

/// A set of characters.
struct CharacterClass: Hashable, Sendable {
    var isNegated = false
    var ranges: [ClosedRange<UInt32>] = []
    /// General categories, a bit each; `outside` holds those whose complement is meant, one entry an escape.
    var inside: UInt32 = 0
    var outside: [UInt32] = []

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        var isIn = ranges.contains { $0.contains(scalar.value) }
        if !isIn, inside != 0 || !outside.isEmpty {
            let category = UnicodeCategory.bit(of: scalar)
            isIn = inside & category != 0 || outside.contains { $0 & category == 0 }
        }
        return isIn != isNegated
    }
}
