"""Audiences (人群圈选): who fulfils a rule, who of them may be reached, who is like them."""
