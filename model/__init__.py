"""Training, evaluation, ONNX export, registry and scorer."""
