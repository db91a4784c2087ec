"""The commands about one model file: inspect, convert, quantize, fold, extract."""
