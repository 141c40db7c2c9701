"""Measurements of the product against named floors, on the loopback. Timings are printed and never asserted."""
