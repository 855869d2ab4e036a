import Testing

/// The contract on Postgres alone.
@Suite(.serialized) struct PostgresContractTests {
    let contract = BackboneContract<PostgresInstallation> { try await PostgresInstallation() }

    @Test func `events reach their endpoints in order`() async throws {
        try await contract.eventsReachTheirEndpointsInOrder()
    }

    @Test func `envelopes are delivered byte for byte`() async throws {
        try await contract.envelopesAreDeliveredByteForByte()
    }
}
