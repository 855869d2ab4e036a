import PostgresBackbone
import Testing

/// The contract on Postgres alone.
@Suite(.serialized) struct PostgresContractTests {
    let contract = BackboneContract<PostgresInstallation> { try await PostgresInstallation() }
    let smallWindow = BackboneContract<PostgresInstallation> {
        try await PostgresInstallation(window: .init(records: 64, relocationDelay: .seconds(3)))
    }
    let restartable = BackboneContract<PostgresInstallation> { try await PostgresInstallation(ownsServer: true) }

    @Test func `events reach their endpoints in order`() async throws {
        try await contract.eventsReachTheirEndpointsInOrder()
    }

    @Test func `envelopes are delivered byte for byte`() async throws {
        try await contract.envelopesAreDeliveredByteForByte()
    }

    @Test func `nothing acknowledged is lost when processes die`() async throws {
        try await contract.nothingAcknowledgedIsLost()
    }

    @Test func `rows of a dead matcher are fanned out by the next`() async throws {
        try await contract.rowsOfADeadMatcherAreFannedOutByTheNext()
    }

    @Test func `the store may restart`() async throws {
        try await restartable.theStoreMayRestart()
    }

    @Test func `a key is stored once`() async throws {
        try await contract.aKeyIsStoredOnce()
    }

    @Test func `completion is out of order and contiguous`() async throws {
        try await contract.completionIsOutOfOrderAndContiguous()
    }

    @Test func `a stuck head is moved out of the way`() async throws {
        try await smallWindow.aStuckHeadIsMovedOutOfTheWay()
    }

    @Test func `a moved head survives its process`() async throws {
        try await smallWindow.aMovedHeadSurvivesItsProcess()
    }

    @Test func `dead deliveries leave a letter`() async throws {
        try await contract.deadDeliveriesLeaveALetter()
    }

    @Test func `retries keep their time`() async throws {
        try await contract.retriesKeepTheirTime()
    }

    @Test func `postponing uses up nothing`() async throws {
        try await contract.postponingUsesUpNothing()
    }

    @Test func `retries survive their process`() async throws {
        try await contract.retriesSurviveTheirProcess()
    }

    @Test func `endpoints that switch back and forth get each event`() async throws {
        try await contract.endpointsThatSwitchGetEachEvent()
    }

    @Test func `jobs outlive their owners`() async throws {
        try await contract.jobsOutliveTheirOwners()
    }

    @Test func `lanes are shared and handed over`() async throws {
        try await contract.lanesAreSharedAndHandedOver()
    }

    @Test func `a stopped process neither sends nor writes`() async throws {
        try await contract.aStoppedProcessNeitherSendsNorWrites()
    }

    @Test func `a hundred thousand wait in bounded memory`() async throws {
        try await contract.aHundredThousandWaitInBoundedMemory()
    }
}
