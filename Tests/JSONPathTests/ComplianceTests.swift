import EventCodec
import Foundation
import JSONPath
import Testing

/// The JSONPath Compliance Test Suite, all of its cases.
@Suite struct ComplianceTests {
    struct Case {
        let name: String
        let selector: String
        let isInvalid: Bool
        let document: [UInt8]
        /// Each of the allowed results: a choice of orders where the document has objects.
        let results: [JSONValue]
        let locations: [[String]]
    }

    static func cases() throws -> [Case] {
        let path = try #require(
            Bundle.module.path(forResource: "jsonpath-compliance", ofType: "json", inDirectory: "Fixtures"))
        let suite = try JSONOutline(Array(try Data(contentsOf: URL(filePath: path))))
        func tree(_ value: Int) throws -> JSONValue {
            try JSONValue(parsing: Array(suite.bytes(of: value)), limits: .standard)
        }
        func strings(_ value: JSONValue?) -> [String] {
            guard case .array(let elements) = value else { return [] }
            return elements.map { if case .string(let text) = $0 { text } else { "" } }
        }
        return try JSONPath("$.tests[*]").values(in: suite).map { test in
            func member(_ name: String) -> Int? { suite.member(Array(name.utf8), of: test) }
            var results: [JSONValue] = []
            var locations: [[String]] = []
            if let result = member("result") { results.append(try tree(result)) }
            if let paths = member("result_paths") { locations.append(strings(try tree(paths))) }
            if let many = member("results"), case .array(let all) = try tree(many) { results = all }
            if let many = member("results_paths"), case .array(let all) = try tree(many) {
                locations = all.map { strings($0) }
            }
            return Case(
                name: try #require(member("name").flatMap { suite.string(of: $0) }),
                selector: try #require(member("selector").flatMap { suite.string(of: $0) }),
                isInvalid: member("invalid_selector") != nil,
                document: member("document").map { Array(suite.bytes(of: $0)) } ?? [],
                results: results, locations: locations)
        }
    }

    @Test func `every case of the suite has its result`() throws {
        let cases = try Self.cases()
        #expect(cases.count == 703)
        #expect(cases.count { $0.isInvalid } == 247)
        for test in cases where !test.isInvalid {
            guard let path = try? JSONPath(test.selector) else {
                Issue.record("\(test.name): \(test.selector) was refused")
                continue
            }
            let outline = try JSONOutline(test.document)
            let found = try path.values(in: outline)
            let result = JSONValue.array(
                try found.map { try JSONValue(parsing: Array(outline.bytes(of: $0)), limits: .standard) })
            #expect(test.results.contains(result), "\(test.name): \(test.selector)")
            let locations = found.map { outline.location(of: $0) }
            #expect(test.locations.contains(locations), "\(test.name): \(test.selector) found \(locations)")
            #expect(try path.first(in: outline) == found.first, "\(test.name)")
        }
    }

    @Test func `every invalid selector of the suite is refused`() throws {
        for test in try Self.cases() where test.isInvalid {
            #expect(throws: JSONPathError.self, "\(test.name): \(test.selector)") { try JSONPath(test.selector) }
        }
    }
}
