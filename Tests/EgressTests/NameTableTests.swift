import Testing

@testable import Egress

/// The resolver's memory, with time as an argument.
@Suite struct NameTableTests {
    private let start = ContinuousClock.now
    private let a = [IPAddress(v4: 0x0808_0808)]
    private let b = [IPAddress(v4: 0x0101_0101)]

    private func table(_ change: (inout Resolver.Limits) -> Void = { _ in }) -> NameTable {
        var limits = Resolver.Limits()
        limits.threads = 8
        change(&limits)
        return NameTable(limits: limits)
    }

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// What an asker gets at once; nil if it waits.
    private func ask(_ table: inout NameTable, _ name: String, _ seconds: Double) -> NameTable.Answer? {
        if case .answer(let answer) = table.ask(name, now: at(seconds), waiter: { _ in }) { answer } else { nil }
    }

    private func lookUp(
        _ table: inout NameTable, _ name: String, _ result: NameTable.Answer, _ from: Double, took: Double = 0.01
    ) -> (waiters: [NameTable.Waiter], answer: NameTable.Answer) {
        #expect(table.next(now: at(from)) == name)
        return table.finish(name, result, now: at(from + took))
    }

    private func isFailure(_ answer: NameTable.Answer?, _ code: ResolveError.Code) -> Bool {
        if case .failure(let error) = answer { error.code == code } else { false }
    }

    private func addresses(_ answer: NameTable.Answer?) -> [IPAddress]? {
        if case .success(let addresses) = answer { addresses } else { nil }
    }

    private let broken: NameTable.Answer = .failure(ResolveError(.failed, "SERVFAIL"))
    private let absent: NameTable.Answer = .failure(ResolveError(.notFound, "NXDOMAIN"))

    @Test func `one look-up answers all who wait`() {
        var table = table()
        for _ in 0..<5 { #expect(ask(&table, "a", 0) == nil) }
        #expect(table.queued == 1)
        #expect(table.next(now: at(0)) == "a")
        #expect(ask(&table, "a", 0.1) == nil)
        #expect(table.next(now: at(0.1)) == nil)
        #expect(table.finish("a", .success(a), now: at(0.2)).waiters.count == 6)
    }

    @Test func `an answer is kept, refreshed ahead, and asked for again when it is old`() {
        var table = table()
        #expect(ask(&table, "a", 0) == nil)
        _ = lookUp(&table, "a", .success(a), 0, took: 0)
        #expect(addresses(ask(&table, "a", 19)) == a)
        #expect(table.queued == 0)
        #expect(addresses(ask(&table, "a", 21)) == a)
        #expect(addresses(ask(&table, "a", 22)) == a)
        #expect(table.queued == 1)
        _ = lookUp(&table, "a", .success(b), 22, took: 0)
        #expect(addresses(ask(&table, "a", 51)) == b)
        _ = lookUp(&table, "a", .success(b), 51, took: 0)
        #expect(ask(&table, "a", 82) == nil)
    }

    @Test func `failing servers leave the last answer for ten minutes`() {
        var table = table()
        #expect(ask(&table, "a", 0) == nil)
        _ = lookUp(&table, "a", .success(a), 0, took: 0)
        #expect(ask(&table, "a", 40) == nil)
        let first = lookUp(&table, "a", broken, 40)
        #expect(first.waiters.count == 1)
        #expect(addresses(first.answer) == a)
        // Not asked again within the pause, and nobody waits.
        #expect(addresses(ask(&table, "a", 44)) == a)
        #expect(table.queued == 0)
        #expect(addresses(ask(&table, "a", 46)) == a)
        #expect(addresses(lookUp(&table, "a", broken, 46).answer) == a)
        #expect(addresses(ask(&table, "a", 599)) == a)
        #expect(isFailure(lookUp(&table, "a", broken, 601).answer, .failed))
        #expect(isFailure(ask(&table, "a", 602), .failed))
        #expect(ask(&table, "a", 607) == nil)
    }

    @Test func `a name that is gone has no old answer`() {
        var table = table()
        #expect(ask(&table, "a", 0) == nil)
        _ = lookUp(&table, "a", .success(a), 0, took: 0)
        #expect(addresses(ask(&table, "a", 25)) == a)
        #expect(isFailure(lookUp(&table, "a", absent, 25).answer, .notFound))
        #expect(isFailure(ask(&table, "a", 26), .notFound))
        #expect(ask(&table, "a", 31) == nil)
    }

    @Test func `who waits too long goes on with what was known, or fails`() {
        var table = table()
        #expect(ask(&table, "a", 0) == nil)
        _ = lookUp(&table, "a", .success(a), 0, took: 0)
        #expect(table.expire(now: at(39)).isEmpty)
        #expect(ask(&table, "a", 40) == nil)
        #expect(ask(&table, "new", 41) == nil)
        #expect(table.nextDeadline == at(45))
        #expect(table.expire(now: at(44.9)).isEmpty)
        #expect(table.expire(now: at(45)).map { addresses($0.answer) } == [a])
        #expect(table.expire(now: at(47)).map { isFailure($0.answer, .timedOut) } == [true])
        #expect(table.nextDeadline == nil)
        // The look-ups themselves go on, for whoever comes next.
        #expect(Set([table.next(now: at(48)), table.next(now: at(48))]) == ["a", "new"])
        #expect(table.finish("new", .success(b), now: at(50)).waiters.isEmpty)
        #expect(addresses(ask(&table, "new", 51)) == b)
    }

    @Test func `suspects take at most half of the threads, unknown names at most three quarters`() {
        var table = table()
        for number in 0..<20 { _ = ask(&table, "dead\(number)", 0) }
        var taken: [String] = []
        while let name = table.next(now: at(0)) { taken.append(name) }
        #expect(taken.count == 6)
        for name in taken { _ = table.finish(name, broken, now: at(4)) }
        // Now six are suspects, and fourteen still unknown.
        for name in taken { #expect(isFailure(ask(&table, name, 5), .failed)) }
        for name in taken { #expect(ask(&table, name, 10) == nil) }
        var second: [String] = []
        while let name = table.next(now: at(10)) { second.append(name) }
        #expect(second.count == 6)
        #expect(Set(second).isDisjoint(with: taken))
        for name in second { _ = table.finish(name, absent, now: at(10.1)) }
        var third: [String] = []
        while let name = table.next(now: at(11)) { third.append(name) }
        #expect(third.count == 6)
        for name in third { _ = table.finish(name, absent, now: at(11.1)) }
        var fourth: [String] = []
        while let name = table.next(now: at(12)) { fourth.append(name) }
        // Two unknown ones are left; the suspects may take four of the eight threads.
        #expect(fourth.filter { !taken.contains($0) }.count == 2)
        #expect(fourth.filter { taken.contains($0) }.count == 4)
    }

    @Test func `good names always find a thread`() {
        var table = table()
        _ = ask(&table, "good", 0)
        _ = lookUp(&table, "good", .success(a), 0)
        for number in 0..<100 { _ = ask(&table, "dead\(number)", 1) }
        while table.next(now: at(1)) != nil {}
        #expect(ask(&table, "good", 40) == nil)
        #expect(table.next(now: at(40)) == "good")
    }

    @Test func `a new name does not wait behind hundreds of dead ones`() {
        var table = table()
        for number in 0..<500 { _ = ask(&table, "dead\(number)", 0) }
        var running: [String] = []
        while let name = table.next(now: at(0)) { running.append(name) }
        _ = ask(&table, "new", 1)
        var turns = 0
        while !running.contains("new"), turns < 5 {
            _ = table.finish(running.removeFirst(), broken, now: at(4))
            if let name = table.next(now: at(4)) { running.append(name) }
            turns += 1
        }
        #expect(turns <= 2)
    }

    @Test func `a slow answer counts, and makes a suspect that nobody waits for again`() {
        var table = table()
        #expect(ask(&table, "slow", 0) == nil)
        #expect(addresses(lookUp(&table, "slow", .success(a), 0, took: 3).answer) == a)
        #expect(addresses(ask(&table, "slow", 60)) == a)
        #expect(table.queued == 1)
    }

    @Test func `the table is bounded`() {
        var table = table { $0.names = 50 }
        for number in 0..<50 { #expect(ask(&table, "waiting\(number)", 0) == nil) }
        #expect(isFailure(ask(&table, "more", 1), .overloaded))
        for _ in 0..<50 {
            guard let name = table.next(now: at(1)) else { continue }
            _ = table.finish(name, .success(a), now: at(1))
        }
        #expect(ask(&table, "more", 2) == nil)
        for number in 0..<500 {
            _ = ask(&table, "later\(number)", 3)
            while let name = table.next(now: at(3)) { _ = table.finish(name, .success(a), now: at(3)) }
        }
        #expect(table.count <= 50)
    }

    @Test func `stop hands out all who wait`() {
        var table = table()
        for number in 0..<7 { _ = ask(&table, "n\(number % 3)", 0) }
        #expect(table.stop().count == 7)
        #expect(table.nextDeadline == nil)
        #expect(table.queued == 0)
    }
}
