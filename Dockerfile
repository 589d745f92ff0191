# cmr on a CPU. Build it, then run its demo in the current folder:
#   docker build -t cmr .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" cmr demo
FROM python:3.11-slim

WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY cmr cmr
COPY sql sql
# Every dependency has a wheel, so nothing is compiled. PyTorch's own index has wheels without CUDA,
# which are smaller.
RUN pip install --no-cache-dir --constraint constraints.txt \
    --extra-index-url https://download.pytorch.org/whl/cpu .

# Whoever runs it may have no name and no home in the image: libraries ask for both.
ENV HOME=/tmp USER=cmr
WORKDIR /data
ENTRYPOINT ["cmr"]
CMD ["--help"]
