"""Numbers of the draft: values, doses and regimens, how often, dates, codes, changes."""
