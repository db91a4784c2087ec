"""What the draft asserts of a thing: there or denied, how sure, how severe, whose it is."""
