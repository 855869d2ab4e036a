internal import BackboneSelection
internal import FeedService
internal import ServiceKit

ServiceMain.run(FeedService.definition(makeBackbone: SelectedBackbone.requests))
