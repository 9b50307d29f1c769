"""The rules of the license server; they know no framework and take the time as an argument."""
