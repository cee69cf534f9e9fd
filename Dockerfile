# The server as a container, and as a Hugging Face Space: docs/how-to/space.md.
#
#   docker build -t agcam . && docker run -p 7860:7860 agcam
FROM python:3.11-slim

# Spaces run containers as user 1000, which must own what is written: weights, caches.
RUN useradd --create-home --uid 1000 user
USER 1000
ENV HOME=/home/user PATH=/home/user/.local/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /home/user/agcam

COPY --chown=1000 pyproject.toml README.md LICENSE ./
COPY --chown=1000 src ./src
RUN pip install --user --no-cache-dir ".[app,hf]" scikit-image

EXPOSE 7860
# Weights are fetched when the container starts, and kept in /home/user/.cache.
CMD ["agcam", "serve", "--host", "0.0.0.0", "--port", "7860", \
     "--embed", "https://huggingface.co", \
     "--model", "timm:vit_base_patch16_224", \
     "--model", "hf:google/vit-base-patch16-224"]
