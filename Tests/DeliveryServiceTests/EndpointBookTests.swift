import EventCodec
import EventModel
import Store
import TestSupport
import Testing

@testable import DeliveryService

/// What the book tells of the certificates that single endpoints rest on.
@Suite struct EndpointBookTests {
    private func equipment(identityUntil: Int64? = nil, authorities: [[UInt8]] = []) -> String {
        var json = JSONWriter()
        json.object { json in
            if let identityUntil { json.member("identity_until", identityUntil) }
            if !authorities.isEmpty {
                json.member("authorities", String(decoding: authorities.joined(), as: UTF8.self))
            }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private func revision(
        _ number: UInt64, version: Int64, status: WebhookRevision.Status = .active, _ equipment: String?
    ) -> WebhookRevision {
        var revision = WebhookRevision.sample(
            version: version, status: status, endpoint: EndpointID(Ulid(high: 5, low: number)))
        revision.equipment = equipment
        return revision
    }

    @Test func `the first certificate that ends is told, of clients and of CAs, and who has none in force`()
        async throws
    {
        let certificates = try await TestCertificates.make()
        let expired = Array(TestFolders.text(of: certificates.expired.certificateFile).utf8)
        let now = SystemClock().now().seconds
        let month: Int64 = 30 * 86_400
        let book = EndpointBook()
        #expect(book.authorities(at: now) == .init(next: nil, ended: 0))
        book.apply([
            revision(1, version: 1, nil), revision(2, version: 2, equipment(identityUntil: now + 50)),
            revision(3, version: 3, equipment(identityUntil: now + 10)),
            revision(4, version: 4, equipment(authorities: [certificates.authority])),
            // The old one beside its successor: nothing is broken.
            revision(5, version: 5, equipment(authorities: [expired, certificates.authority])),
            revision(6, version: 6, equipment(authorities: [expired])),
            revision(7, version: 7, "no JSON"),
            revision(8, version: 8, equipment(identityUntil: now - 1, authorities: [Array("no bundle".utf8)])),
        ])
        #expect(book.certificates(at: now) == .init(next: now + 10, ended: 1))
        #expect(book.certificates(at: now + 10) == .init(next: now + 50, ended: 2))
        let next = try #require(book.authorities(at: now).next)
        #expect(abs(next - now - month) < 600)
        #expect(book.authorities(at: now).ended == 1)
        #expect(book.authorities(at: now + month + 600) == .init(next: nil, ended: 3))

        // What is changed or gone is told no more.
        book.apply([
            revision(6, version: 10, status: .deleted, equipment(authorities: [expired])),
            revision(4, version: 11, equipment(identityUntil: now + 5)), revision(5, version: 12, nil),
        ])
        #expect(book.authorities(at: now) == .init(next: nil, ended: 0))
        #expect(book.certificates(at: now) == .init(next: now + 5, ended: 1))
    }
}
