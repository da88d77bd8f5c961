"""Special symbols: the first four ids of every vocabulary, and how they are written."""

PAD_ID = 0
START_ID = 1
END_ID = 2
UNKNOWN_ID = 3

# As tokens, for people who look; padding is nothing, so it is written as nothing.
SPECIAL_TOKENS = ("", "<s>", "</s>", "<unk>")
END_TOKEN = SPECIAL_TOKENS[END_ID]

# In text: an unknown symbol is Unicode's replacement character, the rest is silent.
SPECIAL_TEXT = ("", "", "", "\ufffd")
