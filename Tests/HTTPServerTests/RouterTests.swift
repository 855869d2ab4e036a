internal import HTTPServer
internal import Observability
internal import Synchronization
internal import TestSupport
internal import Testing

/// Which route a request is led to, and what a route demands.
@Suite(.timeLimit(.minutes(1)))
struct RouterTests {
    /// Answers with the pattern and the parameters of its route.
    static func show(_ names: String...) -> RouteHandler {
        .immediate { request in
            .text(200, ([request.match?.pattern ?? ""] + names.map { request.parameter($0) }).joined(separator: " "))
        }
    }

    static var table: RouteTable {
        var table = RouteTable()
        table.add(.get, "/", show())
        table.add(.get, "/v1/events", show())
        table.add(.post, "/v1/events", show())
        table.add(.get, "/v1/events/stream", show())
        table.add(.get, "/v1/events/{id}", show("id"))
        table.add(.delete, "/v1/events/{id}", show("id"))
        table.add(.post, "/v1/webhook/subscriptions", show())
        table.add(.post, "/v1/webhook/{channel}", show("channel"))
        table.add(.get, "/v1/webhook/{channel}/{integration}", show("channel", "integration"))
        table.add(nil, "/v1/{rest...}", show("rest"))
        return table
    }

    static func withRouter(
        _ table: RouteTable, maxTasks: Int = 1024, _ body: (TestServer) async throws -> Void
    ) async throws {
        let log = CapturingLogSink()
        try await withServer(
            Router(table, logger: Logger(service: "test", sink: log), maxTasks: maxTasks)
        ) { server in try await body(server) }
    }

    @Test(arguments: [
        ("GET", "/", "/"), ("GET", "/v1/events?limit=1", "/v1/events"),
        ("GET", "/v1/events/stream", "/v1/events/stream"),
        ("GET", "/v1/events/evt_1", "/v1/events/{id} evt_1"), ("DELETE", "/v1/events/stream", "/v1/events/{id} stream"),
        ("GET", "/v1/events/a%2Fb", "/v1/events/{id} a/b"), ("GET", "/v1/events/gr%C3%BCn+x", "/v1/events/{id} grün+x"),
        ("GET", "/v1/%65vents", "/v1/events"), ("POST", "/v1/webhook/subscriptions", "/v1/webhook/subscriptions"),
        ("POST", "/v1/webhook/github", "/v1/webhook/{channel} github"),
        ("GET", "/v1/webhook/github/int_1", "/v1/webhook/{channel}/{integration} github int_1"),
        ("PUT", "/v1/events", "/v1/{rest...} events"), ("GET", "/v1/x/y%2Fz", "/v1/{rest...} x/y/z"),
        ("GET", "/v1/events/", "/v1/{rest...} events/"),
    ])
    func `the most exact route that has the method is taken`(method: String, target: String, text: String) async throws
    {
        try await RouterTests.withRouter(RouterTests.table) { server in
            let answer = try await server.talk { try $0.request(method, target) }
            #expect(answer.status == 200)
            #expect(answer.text == text)
        }
    }

    @Test(arguments: [
        "/v1/events/%", "/v1/events/%4", "/v1/events/%zz", "/v1/events/%00", "/v1/events/%0a", "/v1/events/%ff",
        "/v1/%7F",
    ])
    func `a bad escape in the path is 400`(target: String) async throws {
        try await RouterTests.withRouter(RouterTests.table) { server in
            let status = try await server.talk { try $0.request("GET", target).status }
            #expect(status == 400)
        }
    }

    @Test func `unknown paths are 404, unknown methods 405 with Allow, OPTIONS lists them`() async throws {
        var table = RouteTable()
        table.add(.get, "/a", RouterTests.show())
        table.add(.put, "/a", RouterTests.show())
        table.add(.post, "/{x}", RouterTests.show("x"))
        try await RouterTests.withRouter(table) { server in
            try await server.talk { connection in
                for target in ["/", "/a/b", "//a", "/a/", "/../a"] {
                    let response = try connection.request("GET", target)
                    #expect(response.status == 404, "\(target)")
                    #expect(
                        response.text
                            == #"{"error":{"code":"not_found","message":"there is nothing at this path","param":null}}"#
                    )
                }
                let refused = try connection.request("DELETE", "/a", body: [1, 2])
                #expect(refused.status == 405)
                #expect(refused["Allow"] == "GET, HEAD, POST, PUT, OPTIONS")
                let options = try connection.request("OPTIONS", "/a")
                #expect(options.status == 204)
                #expect(options["Allow"] == "GET, HEAD, POST, PUT, OPTIONS")
                #expect(try connection.request("OPTIONS", "/none/here").status == 404)
                let head = try connection.request("HEAD", "/a")
                #expect(head.status == 200)
                #expect(head["Content-Length"] == "2")
            }
            #expect(server.metric(#"fanfare_http_requests_total{route="/a",status="2xx"}"#) == 1)
            #expect(server.metric(#"fanfare_http_requests_total{route="none",status="4xx"}"#) == 7)
        }
    }

    @Test func `a route decides from the head: token, media type, length`() async throws {
        let form = ErrorForm { error in
            .json(error.status, text: #"{"error":"\#(error.code)","status":\#(error.status)}"#)
        }
        var table = RouteTable()
        let options = RouteOptions(
            maxBody: 10, contentTypes: ["application/json", "application/x-ndjson"], errorForm: form,
            admit: { (head, parameters) throws(HTTPError) in
                guard head.headers["Authorization"] == "Bearer \(parameters["who"] ?? "")" else {
                    throw .unauthorized()
                }
            })
        table.add(.post, "/{who}", options: options, RouterTests.show("who"))
        try await RouterTests.withRouter(table) { server in
            try await server.talk { connection in
                let token = ("Authorization", "Bearer me")
                let body = Array("{}".utf8)
                let unknown = try connection.request("POST", "/you", headers: [token], body: body)
                #expect(unknown.status == 401)
                #expect(unknown.text == #"{"error":"unauthorized","status":401}"#)
                for type in ["text/plain", "application/jsonx", "application", ""] {
                    let response = try connection.request(
                        "POST", "/me", headers: [token, ("Content-Type", type)], body: body)
                    #expect(response.status == 415)
                }
                #expect(try connection.request("POST", "/me", headers: [token], body: body).status == 415)
                for type in ["application/json", "Application/JSON; charset=utf-8", "application/x-ndjson ;x"] {
                    let response = try connection.request(
                        "POST", "/me", headers: [token, ("Content-Type", type)], body: body)
                    #expect(response.text == "/{who} me")
                }
                // Without a body there is nothing to have a type.
                #expect(try connection.request("POST", "/me", headers: [token], body: []).status == 200)
                let long = try connection.request(
                    "POST", "/me", headers: [token, ("Content-Type", "application/json")],
                    body: Array(repeating: 32, count: 11))
                #expect(long.status == 413)
                #expect(long.text == #"{"error":"payload_too_large","status":413}"#)
            }
        }
    }

    struct Unexpected: Error {}

    @Test func `errors of every kind of handler become answers`() async throws {
        var table = RouteTable()
        table.add(.get, "/now", .immediate { _ in throw HTTPError.badRequest("bad", "say \"it\"\n", param: "limit") })
        table.add(.get, "/task", .task { _ in throw HTTPError.tooManyRequests(retryAfterSeconds: 7) })
        table.add(.get, "/bug", .task { _ in throw Unexpected() })
        table.add(
            .get, "/later",
            .deferred { _, responder in
                responder.respond(
                    HTTPError(
                        status: 410, code: "gone", message: "too old", extras: [HTTPField("oldest_cursor", "c1")]))
            })
        try await RouterTests.withRouter(table) { server in
            try await server.talk { connection in
                let now = try connection.request("GET", "/now")
                #expect(now.status == 400)
                #expect(now.text == #"{"error":{"code":"bad","message":"say \"it\"\n","param":"limit"}}"#)
                let task = try connection.request("GET", "/task")
                #expect(task.status == 429)
                #expect(task["Retry-After"] == "7")
                #expect(try connection.request("GET", "/bug").status == 500)
                #expect(
                    try connection.request("GET", "/later").text
                        == #"{"error":{"code":"gone","message":"too old","param":null,"oldest_cursor":"c1"}}"#)
            }
        }
    }

    @Test func `tasks are bounded: the next one is 503`() async throws {
        let started = TestCollector<CheckedContinuation<Void, Never>>()
        var table = RouteTable()
        table.add(
            .get, "/wait",
            .task { _ in
                await withCheckedContinuation { started.append($0) }
                return .text(200, "done")
            })
        try await RouterTests.withRouter(table, maxTasks: 2) { server in
            async let first = server.talk { try $0.request("GET", "/wait").text }
            async let second = server.talk { try $0.request("GET", "/wait").text }
            let waiting = await started.first(2)
            let refused = try await server.talk { try $0.request("GET", "/wait") }
            #expect(refused.status == 503)
            #expect(refused["Retry-After"] == "1")
            for continuation in waiting { continuation.resume() }
            let answers = try await [first, second]
            #expect(answers == ["done", "done"])
            async let third = server.talk { try $0.request("GET", "/wait").text }
            await started.first(3)[2].resume()
            let last = try await third
            #expect(last == "done")
        }
    }

    @Test func `tasks that are still at work at the end are cancelled`() async throws {
        let started = TestCollector<String>()
        var table = RouteTable()
        table.add(
            .get, "/wait",
            .task { _ in
                started.append("started")
                try await Task.sleep(for: .seconds(3_600))
                return .text(200, "never")
            })
        try await RouterTests.withRouter(table) { server in
            async let closed = server.talk { connection in
                try connection.sendRequest("GET", "/wait")
                return connection.isClosedByServer()
            }
            _ = await started.first(1)
            await server.server.shutdown(deadline: .zero)
            let isClosed = try await closed
            #expect(isClosed)
        }
    }

    @Test func `the end of a turn reaches every door`() async throws {
        let held = Mutex<[Responder]>([])
        var table = RouteTable()
        table.add(.post, "/", .deferred { _, responder in held.withLock { $0.append(responder) } })
        table.onTurnEnded {
            let batch = held.withLock { held in
                defer { held = [] }
                return held
            }
            Responder.respond(batch.map { ($0, Response(status: 204)) })
        }
        try await RouterTests.withRouter(table) { server in
            let status = try await server.talk { try $0.request("POST", "/", body: [1]).status }
            #expect(status == 204)
        }
    }
}
