import TestSupport
import Testing

/// The verifiers that receivers use, over requests as they stood on the wire.
enum Verifiers {
    /// Both accept each request with its secret, and not with another body.
    static func check(_ requests: [(request: ReceivedRequest, secret: String)]) async throws {
        var cases: [PythonVerifiers.Case] = []
        for (request, secret) in requests {
            for body in [request.body, request.body + [0x20]] {
                cases.append(PythonVerifiers.Case(secret: secret, body: body) { request.header($0) })
            }
        }
        let answers = [true, false]
        #expect(try await PythonVerifiers.published(cases) == requests.flatMap { _ in answers })
        // The package knows secrets in base64 only.
        let standard = cases.filter { $0.secret.hasPrefix("whsec_") }
        guard let second = try await PythonVerifiers.standard(standard) else { return }
        #expect(second == (0..<standard.count / 2).flatMap { _ in answers })
    }

    /// Which of the two accept a request with a secret: the published function, the package.
    static func verdict(_ request: ReceivedRequest, _ secret: String) async throws -> [Bool] {
        let cases = [PythonVerifiers.Case(secret: secret, body: request.body) { request.header($0) }]
        return try await PythonVerifiers.published(cases) + (PythonVerifiers.standard(cases) ?? [])
    }
}
