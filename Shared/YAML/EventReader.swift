internal import CYAML

/// What libyaml says of a text, one event after the other, as values of ours.
enum YAMLEvent {
    struct Scalar {
        var text: String
        /// Written without quotes, so that its form decides its type.
        var isPlain: Bool
    }

    case scalar(Scalar)
    case sequenceStart
    case sequenceEnd
    case mappingStart
    case mappingEnd
    case documentStart
    case documentEnd
    case end
}

/// Drives libyaml over one text. The parser's memory lives as long as `read` runs, and no pointer leaves this file.
enum EventReader {
    /// Calls `body` with each event and the place where it begins, up to the end of the stream.
    static func read(
        _ text: [UInt8], _ body: (YAMLEvent, TextPosition) throws(YAMLError) -> Void
    ) throws(YAMLError) {
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        defer { parser.deallocate() }
        guard yaml_parser_initialize(parser) == 1 else {
            throw YAMLError(.tooLarge, "no memory for a parser", at: TextPosition(line: 1, column: 1))
        }
        defer { yaml_parser_delete(parser) }
        try text.withUnsafeBufferPointer { (buffer) throws(YAMLError) in
            yaml_parser_set_input_string(parser, buffer.baseAddress, buffer.count)
            yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
            while let (event, position) = try next(of: parser) {
                try body(event, position)
                if case .end = event { return }
            }
        }
    }

    private static func next(
        of parser: UnsafeMutablePointer<yaml_parser_t>
    ) throws(YAMLError) -> (YAMLEvent, TextPosition)? {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw problem(of: parser) }
        defer { yaml_event_delete(&event) }
        let position = TextPosition(event.start_mark)
        switch event.type {
        case YAML_STREAM_END_EVENT: return (.end, position)
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, position)
        case YAML_DOCUMENT_END_EVENT: return (.documentEnd, position)
        case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, position)
        case YAML_MAPPING_END_EVENT: return (.mappingEnd, position)
        case YAML_ALIAS_EVENT: throw YAMLError(.unsupported, "an alias is not accepted", at: position)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            try refuse(anchor: start.anchor, tag: start.tag, at: position)
            return (.sequenceStart, position)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            try refuse(anchor: start.anchor, tag: start.tag, at: position)
            return (.mappingStart, position)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            try refuse(anchor: scalar.anchor, tag: scalar.tag, at: position)
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let text = String(decoding: bytes, as: UTF8.self)
            return (.scalar(.init(text: text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)), position)
        default:
            // The start of the stream.
            return (.documentEnd, position)
        }
    }

    private static func refuse(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, at position: TextPosition
    ) throws(YAMLError) {
        if anchor != nil { throw YAMLError(.unsupported, "an anchor is not accepted", at: position) }
        if tag != nil { throw YAMLError(.unsupported, "a tag is not accepted", at: position) }
    }

    private static func problem(of parser: UnsafeMutablePointer<yaml_parser_t>) -> YAMLError {
        let message = parser.pointee.problem.map { String(cString: $0) } ?? "not YAML"
        if parser.pointee.error == YAML_READER_ERROR {
            return YAMLError(.syntax, message, at: TextPosition(parser.pointee.mark))
        }
        return YAMLError(.syntax, message, at: TextPosition(parser.pointee.problem_mark))
    }
}

extension TextPosition {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}
