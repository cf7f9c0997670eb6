"""The IDX files of MNIST and its kind to records with the ImageNet keys, as lossless PNGs."""
