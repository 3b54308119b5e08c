"""Why a booster is not served as it is."""


class ExportFailed(Exception):
    """No file of this model would give the booster's own margins."""


class NoForest(Exception):
    """The model is no Forest; a compiled library of it may give the same margins."""
