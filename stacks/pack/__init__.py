"""The reviewer's pack: what a cloud assembly declares, in pictures and tables beside its templates."""
