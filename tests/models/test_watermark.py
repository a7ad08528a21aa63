from models.watermark import Mark


def test_a_copy_holds_an_id_after_a_segment_a_bit():
    assert Mark(id_bits=8, segment_s=2.5).copy_s == 20
