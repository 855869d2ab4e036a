import Backbone
import Crypto
import Database
import Egress
import EventModel
import Signing
import Store
import TestSupport
import Testing

@testable import DeliveryService

/// Rotated secrets, from the store to the header lines, judged by the verifiers that receivers have.
@Suite(.timeLimit(.minutes(2))) struct RotationTests {
    /// A webhook in a database, and a worker's way from its revision to a POST, at a time of the test's.
    private struct Bench {
        let clock = ManualClock(start: SystemClock().now())
        let pool = TestDatabase.current.pool()
        let box: SecretBox
        let book = EndpointBook()
        let maker: PostMaker
        let tenant = TenantID(Ulid(high: 0, low: 1))
        let endpoint = LaneRecord.endpoint
        let body = Array(#"{"v":1,"data":{}}"#.utf8)

        init(_ secret: SigningSecret) async throws {
            box = try SecretBox(current: MasterKey.generate())
            maker = PostMaker(
                headers: try DeliveryHeaders(userAgent: PostMaker.userAgent),
                keys: EndpointKeys(secrets: box, policy: AddressPolicy()), standardTimeout: .seconds(10))
            _ = try await TenantStore(pool).create(tenant, name: "")
            _ = try await WebhookStore(pool).create(
                NewWebhook(
                    id: endpoint, tenant: tenant, url: "https://example.com/", events: [],
                    sealedSecrets: [seal(secret)]))
            try await load()
        }

        private func seal(_ secret: SigningSecret) -> String {
            box.seal(secret.text, context: WebhookRecord.secretContext(endpoint))
        }

        func load() async throws {
            book.apply(try await RevisionStore(pool: pool).changes(since: 0).revisions)
        }

        func rotate(_ overlap: Duration) async throws -> SigningSecret {
            let secret = SigningSecret.generate()
            _ = try await WebhookStore(pool).rotate(
                endpoint, tenant: tenant, sealedSecret: seal(secret), overlap: overlap, now: clock.now())
            try await load()
            return secret
        }

        func promote() async throws {
            _ = try await WebhookStore(pool).promote(endpoint, tenant: tenant)
            try await load()
        }

        /// What the holder of each secret makes of a delivery made now: the published function, the package.
        func verdicts(_ secrets: [SigningSecret]) async throws -> [[Bool]] {
            let configuration = try #require(book.configuration(of: endpoint))
            var record = LaneRecord.sample(offset: 1)
            record.envelope = body
            let post = try maker.post(
                PendingAttempt(record: record, configuration: configuration, token: 1), at: clock.now())
            let lines = String(decoding: post.exchange.headers.bytes, as: UTF8.self).split(separator: "\r\n")
            let cases = secrets.map { secret in
                PythonVerifiers.Case(secret: secret.text, body: body, now: clock.now().seconds) { name in
                    lines.first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.utf8.count + 2)) }
                }
            }
            let published = try await PythonVerifiers.published(cases)
            guard let standard = try await PythonVerifiers.standard(cases) else { return published.map { [$0] } }
            return zip(published, standard).map { [$0, $1] }
        }

        /// Both answers, or the first alone where the package is not installed.
        func expect(_ secrets: [SigningSecret], _ expected: [[Bool]], _ comment: Comment) async throws {
            let found = try await verdicts(secrets)
            #expect(found == zip(expected, found).map { Array($0.prefix($1.count)) }, comment)
        }
    }

    @Test(.database(migrations: Schema.migrations))
    func `old receivers go on until the overlap ends, new ones begin at once`() async throws {
        let old = SigningSecret.generate()
        let bench = try await Bench(old)
        try await bench.expect([old], [[true, true]], "alone")
        let new = try await bench.rotate(.seconds(7 * 86_400))
        try await bench.expect([old, new], [[true, true], [false, true]], "at once")
        bench.clock.advance(by: .seconds(7 * 86_400 - 1))
        try await bench.expect([old, new], [[true, true], [false, true]], "a second before the end")
        bench.clock.advance(by: .seconds(1))
        try await bench.expect([old, new], [[false, false], [true, true]], "the end, without a revision")
    }

    @Test(.database(migrations: Schema.migrations))
    func `a promotion gives the header to the new secret before the end`() async throws {
        let old = SigningSecret.generate()
        let bench = try await Bench(old)
        let new = try await bench.rotate(.seconds(86_400))
        try await bench.promote()
        try await bench.expect([old, new], [[false, true], [true, true]], "promoted")
        bench.clock.advance(by: .seconds(86_400))
        try await bench.expect([old, new], [[false, false], [true, true]], "the end")
    }

    @Test(.database(migrations: Schema.migrations))
    func `without an overlap the old secret ends at once, and several overlap in the order of their age`() async throws
    {
        let first = SigningSecret.generate()
        let bench = try await Bench(first)
        let second = try await bench.rotate(.seconds(100))
        let third = try await bench.rotate(.seconds(200))
        try await bench.expect(
            [first, second, third], [[true, true], [false, true], [false, true]], "the oldest has the header")
        bench.clock.advance(by: .seconds(100))
        try await bench.expect(
            [first, second, third], [[false, false], [true, true], [false, true]], "then the next")
        let fourth = try await bench.rotate(.seconds(10))
        bench.clock.advance(by: .seconds(10))
        try await bench.expect(
            [second, third, fourth], [[false, false], [false, false], [true, true]], "a shorter overlap counts for all")
        let last = try await bench.rotate(.zero)
        try await bench.expect([fourth, last], [[false, false], [true, true]], "revoked")
    }
}
