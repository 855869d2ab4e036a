import ServiceKit
import Testing

@Suite struct ShutdownSignalTests {
    @Test func `all who wait go on when the request is made, and later ones at once`() async {
        let signal = ShutdownSignal()
        await withTaskGroup { group in
            for _ in 0..<20 { group.addTask { await signal.wait() } }
            group.addTask { signal.request() }
        }
        #expect(signal.isRequested)
        await signal.wait()
    }

    @Test func `the request is made once`() {
        let signal = ShutdownSignal()
        #expect(signal.request())
        #expect(!signal.request())
    }

    @Test func `a cancelled task does not wait`() async {
        let signal = ShutdownSignal()
        await withTaskGroup { group in
            group.addTask { await signal.wait() }
            group.cancelAll()
            group.addTask { await signal.wait() }
        }
        #expect(!signal.isRequested)
    }
}
