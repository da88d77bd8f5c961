"""Options of generation.

| module | what |
|---|---|
| `option_table` | every option, once; the others derive from it |
| `option` | what the table says of an option |
| `generation_options` | `ka.GenerationOptions`, what a user gives |
| `checks` | kinds, ranges, numbers of rows and ids of what a user gives |
| `row_options` | the options as tensors, one value per row |
| `length_limits` | most tokens, of each row and of any row |
| `features` | which parts of the search the options need |
"""
