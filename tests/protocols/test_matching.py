from objrec.protocols.matching import Stage, matched_stages


def curve(*errors):
    return [Stage(2 * (i + 1), error) for i, error in enumerate(errors)]


def test_the_better_model_is_stopped_where_the_other_ends():
    found = matched_stages({"a": curve(0.4, 0.21, 0.1, 0.05), "b": curve(0.5, 0.3, 0.2, 0.25)})
    assert found == {"a": Stage(4, 0.21), "b": Stage(6, 0.2)}


def test_equally_near_stages_give_the_earliest():
    found = matched_stages({"a": curve(0.2, 0.1, 0.2), "b": curve(0.2, 0.3, 0.2)})
    assert found["a"].epoch == 2 and found["b"].epoch == 2


def test_one_model_alone_is_taken_at_its_best():
    assert matched_stages({"a": curve(0.3, 0.1, 0.2)}) == {"a": Stage(4, 0.1)}
