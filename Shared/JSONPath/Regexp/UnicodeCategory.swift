/// The general categories that `\p{…}` may name (RFC 9485 §4), as bits. Surrogates are no characters.
enum UnicodeCategory {
    private static let names = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm",
        "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cn",
    ]

    /// The categories of a name of one letter or two; nil for any other name.
    static func bits(named name: String) -> UInt32? {
        var bits: UInt32 = 0
        for (index, known) in names.enumerated() where known == name || (name.count == 1 && known.hasPrefix(name)) {
            bits |= 1 << UInt32(index)
        }
        return bits == 0 ? nil : bits
    }

    static func bit(of scalar: Unicode.Scalar) -> UInt32 { 1 << index(of: scalar.properties.generalCategory) }

    private static func index(of category: Unicode.GeneralCategory) -> UInt32 {
        switch category {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .privateUse: 27
        case .unassigned: 28
        case .surrogate: 31
        @unknown default: 31
        }
    }
}
