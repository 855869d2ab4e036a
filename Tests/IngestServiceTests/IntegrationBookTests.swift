import Crypto
import EventModel
import Inbound
import IngestService
import Observability
import Store
import TestSupport
import Testing

@Suite struct IntegrationBookTests {
    private let now = Timestamp(seconds: 1_780_000_000)

    private func book(_ box: SecretBox?) -> IntegrationBook {
        IntegrationBook(
            box: box, metrics: MetricsRegistry(), logger: Logger(service: "test", sink: CapturingLogSink()))
    }

    private func stored(
        _ number: UInt64, _ sealed: String, channel: String = "github", tenant: UInt64 = 1, version: Int64 = 1
    ) -> StoredIntegration {
        StoredIntegration(
            id: IntegrationID(Ulid(high: 7, low: number)), tenant: TenantID(Ulid(high: 1, low: tenant)),
            channel: channel, name: "number \(number)", config: Array(#"{"rate_per_s":100}"#.utf8),
            secrets: [.init(id: "sec_\(number)", sealed: sealed, madeAt: now, until: nil)], isActive: true,
            version: version, createdAt: now)
    }

    @Test func `a hundred thousand integrations take less than 200 MiB`() throws {
        let box = try SecretBox(current: .generate())
        let sealed = box.seal(
            Array(
                #"{"webhook_secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","another one as long as that"]}"#.utf8),
            context: "integration:int_00000000000000000000000000")
        let book = book(box)
        let before = try Self.residentBytes()
        for page in 0..<50 {
            // Texts of their own, as they come from the database.
            book.apply(
                (0..<2_000).map {
                    stored(UInt64(page * 2_000 + $0), "\(sealed)\(page)-\($0)", tenant: UInt64($0 % 500))
                })
        }
        let growth = try Self.residentBytes() - before
        #expect(book.count == 100_000)
        #expect(growth < 200 << 20, "\(growth >> 20) MiB")
        print("100 000 integrations: \(growth >> 20) MiB")
    }

    @Test func `one change leaves the others alone`() throws {
        let book = book(nil)
        book.apply((0..<10).map { stored($0, "x") })
        let gone = IntegrationID(Ulid(high: 7, low: 3))
        book.apply([stored(4, "y", channel: "gitlab", version: 2)], ended: [gone])
        #expect(book.count == 9)
        guard case .none = book.find(gone, channel: .github, now: now) else {
            Issue.record("still there")
            return
        }
        let moved = IntegrationID(Ulid(high: 7, low: 4))
        guard case .unreadable = book.find(moved, channel: .gitlab, now: now) else {
            Issue.record("without a master key nothing can be read")
            return
        }
        #expect(book.only(.gitlab) == moved && book.only(.github) == nil)
    }

    @Test func `a channel that a later release knows is no door of ours`() {
        let book = book(nil)
        book.apply([stored(1, "x", channel: "fax")])
        #expect(book.count == 0)
    }

    @Test func `a tenant's products are found by tenant`() throws {
        let box = try SecretBox(current: .generate())
        let book = book(box)
        func product(_ number: UInt64, tenant: UInt64) -> StoredIntegration {
            let id = IntegrationID(Ulid(high: 7, low: number))
            let sealed = box.seal(Array(#"{"secrets":["s"]}"#.utf8), context: StoredIntegration.secretContext(id))
            return stored(number, sealed, channel: "agentgate", tenant: tenant).with(config: "{}")
        }
        book.apply([product(1, tenant: 1), product(2, tenant: 1), product(3, tenant: 2)])
        let tenant = TenantID(Ulid(high: 1, low: 1))
        #expect(book.products(of: tenant, .agentgate, now: now).count == 2)
        #expect(book.products(of: tenant, .formbridge, now: now).isEmpty)
        book.apply([], ended: [IntegrationID(Ulid(high: 7, low: 1))])
        #expect(book.products(of: tenant, .agentgate, now: now).count == 1)
    }

    private static func residentBytes() throws -> Int {
        let pages = TestFolders.text(of: "/proc/self/statm").split(separator: " ")
        return try #require(Int(pages[1])) * 4_096
    }
}

extension StoredIntegration {
    fileprivate func with(config text: String) -> StoredIntegration {
        var copy = self
        copy.config = Array(text.utf8)
        return copy
    }
}
