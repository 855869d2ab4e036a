internal import BackboneSelection
internal import MatcherService
internal import ServiceKit

ServiceMain.run(MatcherService.definition(makeFanOut: SelectedBackbone.fanOut))
