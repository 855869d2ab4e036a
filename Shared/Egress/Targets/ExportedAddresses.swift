// Targets are judged by address: whoever asks Egress about one gets addresses back, so they come with it.
@_exported public import Addresses
