internal import Glibc
internal import TestSupport
internal import Testing

/// `fanfare up`, `status` and `down` with the real executables.
@Suite(.serialized, .timeLimit(.minutes(5))) struct InstallationTests {
    @Test func `everything starts, tells where it is, and leaves no process behind`() async throws {
        let installation = try await Installation.start()
        let status = installation.status
        #expect(status.log == "postgres")
        #expect(status.ingestURL == "http://127.0.0.1:\(installation.portBase)")
        #expect(status.feedURL == "http://127.0.0.1:\(installation.portBase + 1)")
        #expect(Set(status.services.keys) == Set(Installation.Service.allCases.map(\.rawValue)))
        for service in Installation.Service.allCases {
            let ready = try await TestHTTP.request(port: status.adminPort(service), "/readyz")
            #expect(ready.status == 200, "\(service)")
        }
        #expect(try await installation.request("GET", "/v1/events").status == 200)
        let processes =
            try Installation.Service.allCases.map { try installation.processID($0) } + [try installation.postgresID()]
        #expect(processes.allSatisfy(Installation.isAlive))

        try await installation.down()
        #expect(!processes.contains(where: Installation.isAlive))
        #expect(try await installation.tool(["status"]).code == 3)
        // Once more is no error.
        let again = try await installation.tool(["down"])
        #expect(again.code == 0)
        #expect(again.errors.contains("Nothing was running"))
    }

    @Test func `a second up changes nothing`() async throws {
        let installation = try await Installation.start()
        let before = installation.status
        try await installation.up()
        #expect(installation.status == before)
        try await installation.down()
    }

    @Test func `what was killed is brought back, on the same ports and with the same tokens`() async throws {
        let installation = try await Installation.start()
        let before = installation.status
        let event = try await installation.publish("run.completed")
        for service in Installation.Service.allCases {
            try await installation.kill(service)
            let gone = try await installation.tool(["status", "--json"])
            #expect(gone.code == 1, "\(service) is gone")
            #expect(InstallationStatus(gone.output)?.services[service.rawValue] == .some(nil))
            try await installation.up()
            #expect(try installation.processID(service) != before.services[service.rawValue])
        }
        try await installation.killPostgres()
        try await installation.up()
        try await installation.stopPostgres()
        try await installation.up()
        #expect(installation.status.token == before.token)
        #expect(installation.status.ingestURL == before.ingestURL)
        try await eventually("the feed answers and still has the event") {
            try await installation.request("GET", "/v1/events/\(event)").status == 200
        }
        #expect(try await installation.tool(["status"]).code == 0)
        try await installation.down()
    }

    @Test func `in the foreground it brings back what dies and stops everything in the end`() async throws {
        let installation = try Installation()
        let up = try installation.startTool(["up", "--port-base", "\(installation.portBase)"])
        try await up.waitForOutput("Ctrl-C stops everything", within: .seconds(120))
        let before = try await installation.refresh()
        try await installation.kill(.feed)
        try await eventually("the feed is started again") {
            let now = try await installation.tool(["status", "--json"])
            let pid = InstallationStatus(now.output)?.services["fanfare-feed"] ?? nil
            return now.code == 0 && pid != before.services["fanfare-feed"]
        }
        // Nobody else starts things meanwhile.
        let other = try await installation.tool(["up", "--detach"])
        #expect(other.code == 1)
        #expect(other.errors.contains("process \(up.processID)"))
        let last = try await installation.refresh()
        up.send(.interrupt)
        #expect(await up.end(within: .seconds(60)) == .exited(0))
        for pid in last.services.values.compactMap(\.self) + [try #require(last.postgres)] {
            #expect(!Installation.isAlive(pid))
        }
    }

    @Test func `down ends a foreground up`() async throws {
        let installation = try Installation()
        let up = try installation.startTool(["up", "--port-base", "\(installation.portBase)"])
        try await up.waitForOutput("Ctrl-C stops everything", within: .seconds(120))
        try await installation.down()
        #expect(await up.end(within: .seconds(30)) == .exited(0))
        #expect(try await installation.tool(["status"]).code == 3)
    }

    @Test func `two calls of up at once do not collide`() async throws {
        let installation = try Installation()
        async let first: Void = installation.up()
        async let second: Void = installation.up()
        _ = try await (first, second)
        #expect(try await installation.tool(["status"]).code == 0)
        try await installation.down()
    }

    @Test func `a port that is taken is named, and nothing is left running`() async throws {
        let installation = try await Installation.start()
        let other = try Installation()
        let result = try await other.tool(["up", "--detach", "--port-base", "\(installation.portBase + 1)"])
        #expect(result.code == 1)
        #expect(result.errors.contains("is in use by another program"))
        #expect(result.errors.contains("--port-base"))
        #expect(try await other.tool(["status"]).code == 3)
        try await installation.down()
    }

    @Test func `a service that cannot start is told of with the end of its log`() async throws {
        let installation = try Installation()
        try Installation.append("http.connections = many\n", to: "\(installation.folder)/fanfare.conf")
        let result = try await installation.tool(["up", "--detach", "--port-base", "\(installation.portBase)"])
        #expect(result.code == 1)
        #expect(result.errors.contains("ended while it started"))
        #expect(result.errors.contains("http.connections"))
        let status = try await installation.tool(["status"])
        #expect(status.code == 3, "Postgres is stopped again: \(status.output)")
    }
}
