import EventCodec
import Foundation
import TestSupport
import Testing

/// The scanner against Foundation's parser: random documents, and the same with a few bytes changed.
@Suite struct JSONDifferentialTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `scanner and JSONSerialization agree`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        for round in 0..<2_000 {
            var text = RandomJSON.document(&random)
            if round % 4 != 0 { RandomJSON.mutate(&text, &random) }
            guard !RandomJSON.isLeftOut(text) else { continue }
            let ours = isAccepted(text)
            let theirs =
                (try? JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed])) != nil
            #expect(
                ours == theirs,
                "seed \(seed), round \(round): \(String(decoding: text, as: UTF8.self)) = \(text)")
            if ours { accepted += 1 }
        }
        #expect(accepted > 400, "the mutations must leave enough valid texts")
    }

    @Test func `what the scanner accepts, the tree reader accepts, and writes back as the same value`() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<1_000 {
            let text = RandomJSON.document(&random)
            guard let tree = try? JSONValue(parsing: text, limits: .standard) else { continue }
            #expect(try JSONValue(parsing: tree.bytes, limits: .standard) == tree)
            try JSONScanner.validate(tree.bytes)
        }
    }

    private func isAccepted(_ text: [UInt8]) -> Bool {
        do {
            try JSONScanner.validate(text)
            return true
        } catch {
            return false
        }
    }
}

enum RandomJSON {
    static func document(_ random: inout SeededGenerator) -> [UInt8] {
        var text: [UInt8] = []
        value(&text, depth: 0, &random)
        return text
    }

    /// Where Foundation is known to judge otherwise, by its own rules and not by RFC 8259: it guesses UTF-16 and UTF-32 from
    /// zero bytes and byte order marks, and it refuses numbers that no `Double` holds.
    static func isLeftOut(_ text: [UInt8]) -> Bool {
        text.contains(0) || text.starts(with: [0xEF, 0xBB, 0xBF]) || text.starts(with: [0xFE, 0xFF])
            || text.starts(with: [0xFF, 0xFE]) || hasHugeExponent(text)
    }

    private static func hasHugeExponent(_ text: [UInt8]) -> Bool {
        text.split { !(0x30...0x39).contains($0) && $0 | 0x20 != 0x65 && $0 != 0x2B && $0 != 0x2D }.contains { number in
            guard let mark = number.firstIndex(where: { $0 | 0x20 == 0x65 }) else { return false }
            return number[mark...].count(where: { (0x30...0x39).contains($0) }) > 2
        }
    }

    /// Changes, removes or doubles up to three bytes.
    static func mutate(_ text: inout [UInt8], _ random: inout SeededGenerator) {
        let bytes = Array("{}[]\",:\\u0159eE+-.tfn \n\u{1}\u{7F}".utf8) + [0x80, 0xC3, 0xE2, 0xED, 0xF0, 0xFF]
        for _ in 0..<Int.random(in: 1...3, using: &random) where !text.isEmpty {
            let index = Int.random(in: text.indices, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: text.remove(at: index)
            case 1: text.insert(text[index], at: index)
            case 2: text.insert(bytes.randomElement(using: &random) ?? 0x20, at: index)
            default: text[index] = bytes.randomElement(using: &random) ?? 0x20
            }
        }
    }

    private static func value(_ text: inout [UInt8], depth: Int, _ random: inout SeededGenerator) {
        space(&text, &random)
        switch Int.random(in: 0..<(depth > 5 ? 5 : 8), using: &random) {
        case 0: text += Array("true".utf8)
        case 1: text += Array((Bool.random(using: &random) ? "false" : "null").utf8)
        case 2: number(&text, &random)
        case 3, 4: string(&text, &random)
        case 5, 6:
            text.append(0x7B)
            for index in 0..<Int.random(in: 0..<5, using: &random) {
                if index > 0 { text.append(0x2C) }
                space(&text, &random)
                string(&text, &random)
                space(&text, &random)
                text.append(0x3A)
                value(&text, depth: depth + 1, &random)
            }
            text.append(0x7D)
        default:
            text.append(0x5B)
            for index in 0..<Int.random(in: 0..<5, using: &random) {
                if index > 0 { text.append(0x2C) }
                value(&text, depth: depth + 1, &random)
            }
            text.append(0x5D)
        }
        space(&text, &random)
    }

    private static func space(_ text: inout [UInt8], _ random: inout SeededGenerator) {
        guard Int.random(in: 0..<4, using: &random) == 0 else { return }
        text.append([0x20, 0x0A, 0x0D, 0x09].randomElement(using: &random) ?? 0x20)
    }

    private static func number(_ text: inout [UInt8], _ random: inout SeededGenerator) {
        var number = "\(Int.random(in: -1_000...100_000, using: &random))"
        if Bool.random(using: &random) { number += ".\(Int.random(in: 0...99, using: &random))" }
        if Bool.random(using: &random) {
            number += ["e", "E", "e+", "E-"].randomElement(using: &random) ?? "e"
            number += "\(Int.random(in: 0...9, using: &random))"
        }
        text += Array(number.utf8)
    }

    private static func string(_ text: inout [UInt8], _ random: inout SeededGenerator) {
        let pieces = [
            "a", "plain text", "é", "中文", "🚀", #"\n"#, #"\\"#, #"\""#, #"\u0041"#, #"\uD83D\uDE00"#, #"\/"#, "\u{7F}",
            "0123456789abcdef", #"\u00e9"#,
        ]
        text.append(0x22)
        for _ in 0..<Int.random(in: 0..<6, using: &random) {
            text += Array((pieces.randomElement(using: &random) ?? "").utf8)
        }
        text.append(0x22)
    }
}
