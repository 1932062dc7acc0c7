"""The Complete Journey: a year of a grocer's sales, real and untidy, as history that the shop can take in."""
