/// Which entries of a batch each reader gets. Readers that get the same share one choice, however many they are: a choice
/// is another one and one entry more, so thousands of readers cost a number each.
struct BatchSelection {
    private struct Step: Hashable {
        let choice: Int
        let entry: Int
    }

    /// Choice 0 is empty.
    private var steps: [Step] = [Step(choice: 0, entry: -1)]
    private var next: [Step: Int] = [:]
    private var choices: [Int: Int] = [:]

    /// Entries are added in rising order.
    mutating func add(_ entry: Int, for reader: Int) {
        let step = Step(choice: choices[reader] ?? 0, entry: entry)
        if let known = next[step] {
            choices[reader] = known
        } else {
            next[step] = steps.count
            choices[reader] = steps.count
            steps.append(step)
        }
    }

    func choice(of reader: Int) -> Int { choices[reader] ?? 0 }

    /// The entries of a choice, in rising order.
    func numbers(in choice: Int) -> [Int] {
        var numbers: [Int] = []
        var choice = choice
        while choice > 0 {
            numbers.append(steps[choice].entry)
            choice = steps[choice].choice
        }
        return numbers.reversed()
    }
}
