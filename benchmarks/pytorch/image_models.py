"""The image models of the suite as a PyTorch user would write them. Inputs (B, C, H, W) float32."""

from torch import nn


class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Flatten(), nn.Linear(784, 250), nn.ReLU(), nn.Linear(250, 100), nn.ReLU(), nn.Linear(100, 10)
        )


class CnnMnist(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * 26 * 26, 128), nn.ReLU(), nn.Linear(128, 10)
        )


def conv_block(inside, outside):
    return [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]


class CnnCifar10(nn.Sequential):
    def __init__(self):
        blocks = []
        for inside, outside in ((3, 32), (32, 64), (64, 128)):
            blocks += [*conv_block(inside, outside), nn.MaxPool2d(2)]
        super().__init__(*blocks, nn.Flatten(), nn.Linear(2048, 512), nn.ReLU(), nn.Linear(512, 10))


class Vgg11(nn.Sequential):
    """VGG configuration A with batch normalisation (Simonyan, Zisserman 2015); any image of 32 pixels and more."""

    def __init__(self, classes=10, dropout=0.5):
        layers, inside = [], 3
        for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
            if width == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += conv_block(inside, width)
                inside = width
        super().__init__(
            *layers,
            nn.AdaptiveAvgPool2d(7),
            nn.Flatten(),
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(4096, classes),
        )


class ConvAutoencoder(nn.Sequential):
    """Images with pixels in [0, 1] -> their reconstructions."""

    def __init__(self, channels):
        super().__init__(
            nn.Conv2d(channels, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 4, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.ConvTranspose2d(4, 16, 2, stride=2),
            nn.ReLU(),
            nn.ConvTranspose2d(16, channels, 2, stride=2),
            nn.Sigmoid(),
        )
