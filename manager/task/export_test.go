package task

// Trim is for the tests of trimming, which choose the time and the number.
var Trim = trim
